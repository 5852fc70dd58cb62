"""What an example of each kind of data set holds."""

import pytest

from datasets.fusion_quality import features as example_features

TRAINED_ON = {
    "image",
    "reference",
    "mos",
    "pair_id",
    "case_id",
    "algorithm",
    "modality",
}


@pytest.mark.parametrize(
    ("features", "own"),
    [
        (
            example_features.fused_features(128, 8),
            {"source_a", "source_b", "grades"},
        ),
        (
            example_features.custom_features(128),
            {"sources", "mos_std", "mos_interval", "grades"},
        ),
        (
            example_features.reader_study_features(128, 3),
            {"grades", "contrast", "structure", "noise", "is_anchor"},
        ),
        (example_features.distorted_features(128), {"deviation"}),
    ],
)
def test_every_kind_has_what_is_trained_on_and_its_own(features, own):
    assert set(features) == TRAINED_ON | own
    assert features["image"].shape == (128, 128, 3)
    assert features["reference"].shape == (128, 128, 3)
