"""What a figure says of its preset."""

import dataclasses

from g2npan_tf.core.config import PRESETS
from g2npan_tf.core.config import Config
from g2npan_tf.core.preset_changes import changes
from g2npan_tf.core.preset_changes import preset_words


def test_a_preset_as_it_is_has_no_changes():
    for name, values in PRESETS.items():
        assert changes(Config(**{**values, "preset": name})) == []


def test_only_what_shapes_the_figures_is_named_and_no_folder_of_a_machine():
    config = Config(
        **{
            **PRESETS["compact"],
            "preset": "compact",
            "vgg_width": 0.25,
            "generator_filters": (16, 24, 32),
            "init_from": "/home/someone/runs/pre",
            "data": "fusion_quality/reader_study",
            "data_dir": "/home/someone/data",
            "fold": 3,
            "seed": 7,
        }
    )
    assert changes(config) == [
        "generator_filters=16,24,32",
        "vgg_width=0.25",
        "init_from=pre",
    ]


def test_the_paper_s_value_is_a_change_of_compact():
    config = Config(**{**PRESETS["compact"], "preset": "compact"})
    config = dataclasses.replace(config, adversarial_weight=1.0)
    assert changes(config) == ["adversarial_weight=1.0"]


def test_words_name_the_changes_and_old_figures_are_still_read():
    assert preset_words({"preset": "paper"}) == "paper"
    assert preset_words({"preset": "paper", "changes": []}) == "paper"
    assert (
        preset_words({"preset": "compact", "changes": ["fold=1", "seed=2"]})
        == "compact with fold=1, seed=2"
    )
