"""Flags of every hyper-parameter, and the configuration they give."""

import dataclasses
import json

import pytest

from g2npan_tf.core import config_flags
from g2npan_tf.core.config import Config
from g2npan_tf.core.presets import PRESETS
from tests.tiny import run_python


def test_help_shows_every_flag_with_default_and_source():
    text = " ".join(run_python("train.py", "--help").stdout.split())
    for field in dataclasses.fields(Config):
        assert f"--{field.name}:" in text or f"--[no]{field.name}:" in text
        assert field.metadata["help"] in text
    count = len(dataclasses.fields(Config))
    assert text.count("Default: ") == text.count("Source: ") == count


@pytest.mark.parametrize(
    "settings",
    [
        PRESETS["compact"],
        {"augment": False, "data_dir": "", "up_filters": (4, 5), "seed": 7},
    ],
)
def test_flags_give_the_same_configuration_again(settings):
    wanted = Config(**settings)
    code = (
        "from absl import flags; from g2npan_tf.core import config_flags as c; "
        "import json, sys; c.define_flags(); flags.FLAGS(sys.argv); "
        "print(json.dumps(c.from_flags().to_json()))"
    )
    done = run_python("-c", code, *config_flags.to_flags(wanted))
    assert Config.from_json(json.loads(done.stdout)) == wanted
