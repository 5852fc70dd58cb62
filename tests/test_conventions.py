"""What holds in every module, whatever its folder."""

import ast
import re

import pytest

from tests.test_structure import PATHS
from tests.test_structure import imported
from tests.tiny import REPOSITORY

SCRIPTS = {p.stem: p for p in sorted(REPOSITORY.glob("*.py"))}
# What would run code from a file: weights are the only thing that is loaded.
EXECUTING = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib"),
    *("shelve", "marshal", "torch"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "yaml.load"),
    "keras.config.enable_unsafe_deserialization",
}
NEEDED = {
    "np.load": "allow_pickle=False",
    "numpy.load": "allow_pickle=False",
    "keras.saving.load_model": "safe_mode=True",
    "keras.models.load_model": "safe_mode=True",
    "tf.keras.models.load_model": "safe_mode=True",
}


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node


@pytest.mark.parametrize("name", [*PATHS, *SCRIPTS])
def test_no_file_can_bring_code_in(name):
    path = {**PATHS, **SCRIPTS}[name]
    assert not {n.split(".")[0] for n in imported(path)} & EXECUTING
    for node in calls(path):
        name, call = ast.unparse(node.func), ast.unparse(node)
        assert name not in FORBIDDEN_CALLS, call
        assert "allow_pickle=True" not in call, call
        assert NEEDED.get(name, "") in call, call


@pytest.mark.parametrize("name", PATHS)
def test_nets_are_called_with_training_named(name):
    nets = "generator|discriminator|quality_network|scorer"
    for node in calls(PATHS[name]):
        called = ast.unparse(node.func)
        is_net = re.fullmatch(rf"(self\.|model\.)*({nets})", called)
        if is_net and "self" not in map(ast.unparse, node.args):
            assert "training" in {keyword.arg for keyword in node.keywords}


def test_readme_s_map_is_true():
    readme = (REPOSITORY / "README.md").read_text()
    answers = re.findall(r"^\| .+\? \| (.+) \|$", readme, re.MULTILINE)
    assert len(answers) >= 8
    for answer in answers:
        for path, name in re.findall(r"`([\w/]+\.py)`(?:: `(\w+)`)?", answer):
            code = (REPOSITORY / path).read_text()
            assert re.search(rf"^(def |class )?{name}\b", code, re.MULTILINE)
