"""Images with their sources from every kind of data set."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.fusion_quality import (
    fusion_quality_dataset_builder as builder_module,
)
from g2npan_tf.baselines.base_rows import measure_rows
from g2npan_tf.baselines.methods import METHODS
from g2npan_tf.baselines.methods import Method
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder
from tests.tiled_base import TiledBase

BLIND = Method(
    lambda rows: np.array([x.mean() for x in rows["image"]]), False, ""
)


def custom_base(root, rows):
    write_folder(root / "manual", rows)
    builder = builder_module.Builder(config="custom", data_dir=root / "tfds")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=str(root / "manual")
        )
    )
    return builder


def with_sources(rows):
    return [
        row | {f"source_{x}": f"sources/{row['pair_id']}_{x}.png" for x in "ab"}
        for row in rows
    ]


def test_values_belong_to_their_rows(data_dir):
    builder = base.open_base(Config(data_dir=data_dir))
    # In each row the source of its own pair.
    method = Method(
        lambda rows: np.array(
            [
                np.abs(a.astype(int) - f).mean()
                for a, f in zip(rows["source_a"], rows["image"], strict=True)
            ]
        ),
        True,
        "",
    )
    rows, values = measure_rows(builder, np.array([1, 2, 28]), method, "x")
    stored = list(
        tfds.as_numpy(
            builder.as_dataset(split="+".join(f"fold_{k}" for k in range(5)))
        )
    )
    assert set(rows) == {*base.TEXTS, "mos"}
    for row, value in enumerate(values):
        key = rows["pair_id"][row], rows["algorithm"][row]
        (example,) = (
            e
            for e in stored
            if (e["pair_id"].decode(), e["algorithm"].decode()) == key
        )
        difference = example["source_a"].astype(int) - example["image"]
        assert value == np.abs(difference).mean()
        assert rows["mos"][row] == example["mos"]


def test_sources_of_a_custom_base_are_found(tmp_path):
    builder = custom_base(tmp_path, with_sources(rows_of()))
    rows, values = measure_rows(
        builder, np.arange(15), METHODS["hossny"], "hossny"
    )
    assert values.shape == (15,)
    assert ((values > 0) & (values < 2)).all()
    assert len(rows["mos"]) == 15


def test_custom_images_without_sources_are_named(tmp_path):
    builder = custom_base(tmp_path, rows_of())
    with pytest.raises(InputError, match=r"--method=oefp.*pair_\d/.* has 0"):
        measure_rows(builder, np.arange(15), METHODS["oefp"], "oefp")


def test_base_without_sources_is_refused_but_for_blind_methods(tmp_path):
    builder = TiledBase(data_dir=tmp_path)
    builder.download_and_prepare()
    with pytest.raises(InputError, match="--method=rsfe needs both source"):
        measure_rows(builder, np.arange(3), METHODS["rsfe"], "rsfe")
    _, values = measure_rows(builder, np.arange(3), BLIND, "blind")
    assert values.shape == (3,)


def test_true_references_are_those_that_nobody_judged(data_dir, tmp_path):
    builder = base.open_base(Config(data_dir=data_dir))
    method = METHODS["reference_rmse"]
    with pytest.raises(InputError, match="references that nobody judged"):
        measure_rows(builder, np.arange(3), method, "reference_rmse")
    tiled = TiledBase(data_dir=tmp_path)
    tiled.download_and_prepare()
    rows, values = measure_rows(tiled, np.arange(3), method, "reference_rmse")
    assert (values < 0).any()
    assert (values <= 0).all()
    assert "reference" not in rows


def test_undefined_value_is_refused_with_the_image(data_dir):
    builder = base.open_base(Config(data_dir=data_dir))
    method = Method(
        lambda rows: np.array([1.0, np.nan, 1.0]), False, "undefined"
    )
    with pytest.raises(InputError, match=r"not defined on .*phantom_\d+/.*nan"):
        measure_rows(builder, np.arange(3), method, "x")
