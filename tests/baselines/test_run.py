"""Measured with their sources, fitted on training, judged on the test part."""

import csv
import json
from unittest import mock

import numpy as np
import pytest
import tensorflow_datasets as tfds
from scipy import stats

from datasets.fusion_quality import (
    fusion_quality_dataset_builder as builder_module,
)
from g2npan_tf.baselines import run
from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import Method
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base as data
from g2npan_tf.evaluation import statistics
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder
from tests.tiled_base import TiledBase
from tests.tiny import run_python


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 10)


def command(*flags):
    return run_python("-m", "g2npan_tf.baselines.run", *flags)


# Ten pairs with three algorithms, and a measure near their MOS.
RNG = np.random.default_rng(0)
PAIRS = np.repeat([f"p{i}" for i in range(10)], 3)
MOS = RNG.uniform(1, 5, 30)
ROWS = {
    "pair_id": PAIRS,
    "case_id": PAIRS,
    "algorithm": np.tile(["a", "b", "c"], 10),
    "modality": np.full(30, "CT-MRI"),
    "mos": MOS,
}
VALUES = 0.01 * MOS + RNG.normal(0, 0.002, 30)
FOLD = np.repeat(np.arange(10) % 5, 3)
FOLDS = [
    (np.flatnonzero(FOLD != k), np.flatnonzero(FOLD == k)) for k in range(5)
]


def judge(values=VALUES, folds=FOLDS[:1], name="oefp", rows=ROWS):
    return run.judge(name, rows, values, folds, {"name": "x"}, "group")


def test_prediction_is_on_the_scale_of_mos_and_in_the_order_of_the_measure():
    test, results = judge()
    assert results.images == len(test.predicted) == 6
    assert results.methods["oefp"].raw.rmse < 0.1
    order = stats.spearmanr(test.measure, test.predicted).statistic
    assert order == pytest.approx(1.0)
    assert {*results.methods} == {"oefp", "mean", "algorithm_modality_mean"}
    assert "reversed the direction" not in run.notes(results)
    # Scores of the test part do not enter the fit.
    changed = np.where(FOLD == 0, 6 - MOS, MOS)
    after, _ = judge(rows=ROWS | {"mos": changed})
    np.testing.assert_array_equal(test.predicted, after.predicted)


def test_pooled_folds_are_each_predicted_by_their_own_fit():
    pooled, results = judge(folds=FOLDS)
    assert results.images == 30
    assert sorted(pooled.split.pair_id) == sorted(PAIRS)
    for k, fold in enumerate(FOLDS):
        alone, _ = judge(folds=[fold])
        np.testing.assert_array_equal(
            pooled.where(fold=str(k)).predicted, alone.predicted
        )
    # The folds' means differ, but rank nothing.
    assert set(results.gains) == {"algorithm_modality_mean"}


def test_a_reversed_measure_is_reported():
    _, results = judge(-VALUES)
    assert results.unfitted.srcc < 0 < results.methods["oefp"].raw.srcc
    assert "reversed the direction" in run.notes(results)


def test_method_with_features_learns_from_the_training_rows_only():
    seen = []

    def fit(features, mos):
        seen.append((features.shape, len(mos)))
        return lambda others: others[:, 0]

    method = Method(lambda rows: rows, False, "", fit, "nothing")
    features = np.stack([VALUES, VALUES], axis=1)
    with mock.patch.dict(METHODS, {"fake": method}):
        test, results = judge(features, name="fake")
        assert "nothing from the measure" in run.notes(results)
    assert seen == [((24, 2), 24)]
    assert results.unfitted is None
    np.testing.assert_array_equal(test.predicted, VALUES[FOLD == 0])


@pytest.fixture
def fake():
    """A method `fake` whose measure is the MOS; counts images."""
    counts = []
    method = Method(
        lambda rows: counts.append(len(rows["mos"])) or rows["mos"], False, ""
    )
    with mock.patch.dict(METHODS, {"fake": method}):
        yield counts


def test_all_parts_of_a_protocol_are_pooled(data_dir, fake):
    wanted = Config(data_dir=data_dir, protocol="leave_both_out")
    builder, divide = data.open_base(wanted), data.divide
    with mock.patch.object(
        data,
        "divide",
        side_effect=lambda b, c: divide(b, Config(data_dir=data_dir)),
    ) as divided:
        run._measured(builder, wanted, True, "fake")
    asked = [call.args[1].fold for call in divided.call_args_list]
    assert asked == list(range(25))


def test_all_folds_measure_every_image_once(data_dir, fake):
    config = Config(data_dir=data_dir)
    builder = data.open_base(config)
    rows, values, parts = run._measured(builder, config, True, "fake")
    assert fake == [30]
    np.testing.assert_array_equal(values, rows["mos"])
    tested = np.concatenate([test for _, test in parts])
    assert sorted(tested) == list(range(30))
    for train, test in parts:
        assert set(rows["case_id"][train]).isdisjoint(rows["case_id"][test])
        assert len(train) + len(test) == 30


def test_command_prints_the_protocols_table_and_writes_every_image(
    data_dir, tmp_path
):
    path = tmp_path / "x.csv"
    flags = ("--method=rsfe", f"--data_dir={data_dir}", f"--output={path}")
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    for text in ("simulated scores", "fold 0", "| rsfe |", "nothing fitted"):
        assert text in done.stdout
    with path.open() as file:
        written = list(csv.DictReader(file))
    assert len({row["id"] for row in written}) == 6
    assert all(float(row["value"]) <= 0 for row in written)
    assert {row["case"] for row in written}.isdisjoint({"", "None"})
    assert {"fold", "mean", "algorithm_modality_mean"} <= set(written[0])
    figures = json.loads(path.with_suffix(".json").read_text())
    assert figures["data"]["scores"] == "simulated"
    assert figures["protocol"].startswith("group")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "expected --method="),
        (("--method=oefp", "word"), "expected --method="),
        (("--method=oefp", "--split=all", "--fold=1"), "goes without --fold"),
        (
            ("--method=oefp", "--split=all", "--protocol=leave_modality_out"),
            "without --protocol=ratio or leave_modality_out",
        ),
        (("--method=psnr",), "--method=psnr"),
        (("--method=oefp", "--output=x.json"), "expected a CSV file"),
    ],
)
def test_bad_flags_are_one_line_and_code_two(flags, message):
    done = command(*flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def measured(builder, places, measure, needs_sources=False):
    method = Method(measure, needs_sources, "")
    with mock.patch.dict(METHODS, {"fake": method}):
        return run.measure_rows(builder, places, "fake")


def test_values_belong_to_their_rows(data_dir):
    builder = data.open_base(Config(data_dir=data_dir))
    split = "+".join(f"fold_{k}" for k in range(5))
    by_name = {
        (e["pair_id"].decode(), e["algorithm"].decode()): e
        for e in tfds.as_numpy(builder.as_dataset(split=split))
    }

    def distance(rows):
        pairs = zip(rows["source_a"], rows["image"], strict=True)
        return np.array([np.abs(a.astype(int) - f).mean() for a, f in pairs])

    rows, values = measured(builder, np.array([1, 2, 28]), distance, True)
    assert set(rows) == {*data.TEXTS, "mos"}
    for pair, algorithm, mos, value in zip(
        rows["pair_id"], rows["algorithm"], rows["mos"], values, strict=True
    ):
        example = by_name[pair, algorithm]
        difference = example["source_a"].astype(int) - example["image"]
        assert value == np.abs(difference).mean()
        assert mos == example["mos"]


@pytest.mark.parametrize("has_sources", [True, False])
def test_sources_of_custom_images_are_found_or_their_lack_named(
    has_sources, tmp_path
):
    rows = rows_of()
    if has_sources:
        for row in rows:
            for x in "ab":
                row[f"source_{x}"] = f"sources/{row['pair_id']}_{x}.png"
    write_folder(tmp_path / "manual", rows)
    builder = builder_module.Builder(
        config="custom", data_dir=tmp_path / "tfds"
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=str(tmp_path / "manual")
        )
    )
    if has_sources:
        rows, values = run.measure_rows(builder, np.arange(15), "hossny")
        assert ((values > 0) & (values < 2)).all()
        assert len(rows["mos"]) == len(values) == 15
        return
    with pytest.raises(InputError, match=r"--method=oefp.*pair_\d/.* has 0"):
        run.measure_rows(builder, np.arange(15), "oefp")


def test_a_data_set_with_anchors_and_without_sources(data_dir, tmp_path):
    builder = TiledBase(data_dir=tmp_path)
    builder.download_and_prepare()
    with pytest.raises(InputError, match="--method=rsfe needs both source"):
        run.measure_rows(builder, np.arange(3), "rsfe")
    rows, values = run.measure_rows(builder, np.arange(3), "reference_rmse")
    assert (values < 0).any()
    assert (values <= 0).all()
    assert "reference" not in rows
    phantom = data.open_base(Config(data_dir=data_dir))
    with pytest.raises(InputError, match="references that nobody judged"):
        run.measure_rows(phantom, np.arange(3), "reference_rmse")


def test_undefined_value_is_refused_with_the_image(data_dir):
    builder = data.open_base(Config(data_dir=data_dir))
    with pytest.raises(InputError, match=r"not defined on .*phantom_\d+/.*nan"):
        measured(
            builder, np.arange(3), lambda rows: np.array([1.0, np.nan, 1.0])
        )
