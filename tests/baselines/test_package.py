"""The package: what it exports, what it loads, and the oracle beside it."""

import pytest

from g2npan_tf import baselines
from tests.tiny import run_python


def nava(*images):
    return baselines.tsallis(*images, q=0.43137, form="nava")


def wrapped(*images):
    return baselines.oefp(*images, wrapped=True)


# Measure, row of the oracle, relative and absolute tolerance. OEFP's literal
# form depends on the sign of the filter: ours is the first row's exactly.
TARGETS = (
    (baselines.hossny, "paper.hossny_raw256", 0, 1e-9),
    (baselines.tsallis, "paper.tsallis_sum_q1.85_raw256", 1e-9, 1e-12),
    (nava, "paper.tsallis_nava_q0.43137_raw256", 0, 1e-9),
    (baselines.oefp, "paper.QABF", 0, 1e-9),
    (baselines.oefp, "hong.QABF_xydeas_original_constants", 0, 6e-3),
    (wrapped, "paper.QABF_angle_wrapped", 0, 1e-9),
    (baselines.rsfe, "paper.rSFe", 0, 1e-9),
)


def test_measures_equal_the_oracle_on_every_case(oracle):
    for case, values in oracle.values.items():
        images = [oracle.image(case, x) for x in "ABF"]
        for measure, metric, relative, absolute in TARGETS:
            expected = pytest.approx(
                float(values[metric]), relative, absolute, nan_ok=True
            )
            assert measure(*images) == expected, (case, metric)


@pytest.mark.parametrize("name", ["g2npan_tf", "g2npan_tf.baselines"])
def test_importing_loads_no_tensorflow(name):
    code = (
        f"import {name}, sys; "
        "print({'tensorflow', 'keras', 'sklearn'} & set(sys.modules))"
    )
    done = run_python("-c", code)
    assert done.stdout == "set()\n"
