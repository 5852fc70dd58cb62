"""Growth: exponents of known powers; the settings are what they say."""

import numpy as np
import pytest
from PIL import Image

from benchmarks import growth
from g2npan_tf.training import dry_run


def points(powers):
    """Costs that are exact powers of what is varied."""
    return [
        growth.Point(
            varied,
            value,
            3.0 * value**counted,
            (0.5 * value**step, 0.1 * value**scoring),
        )
        for varied, (step, scoring, counted) in powers.items()
        for value in growth.VARIED[varied]
    ]


POWERS = {
    "batch": (0.9, 1.0, 1.0),
    "size": (1.8, 2.1, 2.0),
    "width": (1.2, 1.3, 1.9),
}


def test_exponents_of_exact_powers_are_found():
    for varied, powers in POWERS.items():
        np.testing.assert_allclose(
            growth.exponents(points(POWERS), varied), powers, atol=1e-9
        )


def test_table_has_a_row_for_every_value_and_exponent():
    lines = growth.table(points(POWERS)).splitlines()
    values = sum(map(len, growth.VARIED.values()))
    assert len(lines) == 2 + values + len(growth.VARIED)
    # Operations, step, scoring.
    assert "| **exponent** | **1.90** | **1.20** | **1.30** |" in lines[-1]


def test_figure_is_small(tmp_path):
    path = tmp_path / "growth.png"
    growth.draw(points(POWERS), path)
    assert 5_000 < path.stat().st_size < 150_000
    assert min(Image.open(path).size) > 300


def test_operations_grow_with_the_area_and_a_little_less_with_the_width():
    whole, small, narrow = (
        sum(dry_run.step_gflop(growth._model(*setting)).values())
        for setting in ((64, 1.0), (32, 1.0), (64, 0.5))
    )
    assert whole / small == pytest.approx(4.0, rel=1e-6)
    # The layers that see or make three channels grow linearly.
    assert 3.5 < whole / narrow < 4.0


def test_every_setting_is_measured_once(monkeypatch):
    built, calls = [], []

    def graphs(size, width):
        built.append((size, width))
        return size * width, [lambda inputs: calls.append(inputs)] * 2

    monkeypatch.setattr(growth, "_graphs", graphs)
    monkeypatch.setattr(growth, "_inputs", lambda batch, size: (batch, size))
    monkeypatch.setattr(
        growth, "_seconds", lambda call, inputs, _: call(inputs)
    )
    measured = growth.measure(1)
    assert len(built) == len(set(built)) == 5
    assert len(calls) == 2 * 8
    assert len(measured) == sum(map(len, growth.VARIED.values()))
    batch = next(p for p in measured if p.varied == "batch")
    assert (batch.value, batch.gflop) == (4, 128.0 * 4)
