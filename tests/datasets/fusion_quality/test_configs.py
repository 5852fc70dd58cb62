"""The configs and their options."""

from datasets.fusion_quality import configs


def test_names_are_those_of_the_readme():
    names = [config.name for config in configs.CONFIGS]
    assert names == [
        "phantom",
        "whole_brain_atlas",
        "reader_study",
        "reader_study_by_set",
        "distortions",
        "distortions_whole",
        "custom",
    ]


def test_user_scores_have_no_scale_by_default():
    config = configs.CustomConfig(name="custom")
    options = (config.mos_min, config.mos_max, config.lower_is_better)
    assert options == (None, None, None)


def test_some_have_a_version_of_their_own():
    # What was built with the heads of `phantom`, or with cases that are none,
    # is built anew.
    versions = {c.name: c.version for c in configs.CONFIGS}
    for name in ("distortions", "distortions_whole", "reader_study"):
        assert versions.pop(name) == "1.2.0"
    assert versions.pop("reader_study_by_set") == "1.2.0"
    assert set(versions.values()) == {None}
