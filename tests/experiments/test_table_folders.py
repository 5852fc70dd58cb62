"""A changed configuration gets another folder."""

import os

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.experiments.paper_tables import Row
from g2npan_tf.experiments.table_folders import folder_name
from tests.made_up_runs import FACTS
from tests.made_up_runs import fill
from tests.made_up_runs import request


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"learning_rate": 0.01},
        {"protocol": "image"},
        {"facts": {**FACTS, "bytes": 7}},
    ],
)
def test_a_changed_configuration_or_data_base_is_run_anew(
    change, tmp_path, trainer, capsys
):
    fill(request(tmp_path, names=["G2NPAN"]), capsys)
    trainer.commands.clear()
    trainer.facts = change.get("facts", FACTS)
    fill(request(tmp_path, names=["G2NPAN"], **change), capsys)
    assert trainer.names == ["train.py", "evaluate.py"]
    assert len(list((tmp_path / "runs").iterdir())) == 2


def name(config, facts=FACTS, method=""):
    row = Row("A", "slug", (0, 0, 0, 0), method=method)
    return folder_name(row, config, facts)


def test_fold_seed_and_places_leave_the_folder_as_it_is():
    other = Config(fold=3, seed=9, data_dir="/x", manual_dir="/y")
    assert name(other) == name(Config())
    start = [Config(init_from=path) for path in ("x", os.path.abspath("x"))]
    assert name(start[0]) == name(start[1]) != name(Config())
    assert name(Config()).startswith(
        "phantom_1.1.0_group_slug_paper_1500_epochs_"
    )


def test_a_compared_method_hangs_on_the_data_and_the_protocol_only():
    assert name(Config(epochs=3), method="oefp") == name(
        Config(), method="oefp"
    )
    image = Config(protocol="image")
    assert name(image, method="oefp") != name(Config(), method="oefp")


def test_other_start_weights_in_one_place_are_another_run(tmp_path):
    config = Config(init_from=str(tmp_path))
    (tmp_path / "best.weights.h5").write_bytes(b"one")
    before = name(config)
    (tmp_path / "best.weights.h5").write_bytes(b"two")
    assert name(config) != before
