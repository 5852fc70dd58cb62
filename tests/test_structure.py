"""The house: imports run one way, and every module has its test file."""

import ast
import graphlib
import re
import subprocess
import sys

import pytest

from tests.tiny import REPOSITORY

# Which rooms the modules of a room may import, beside their own.
MAY_IMPORT = {
    "core": set(),
    "model": {"core"},
    "images": {"core"},
    "report": {"core"},
    "data": {"core", "model"},
    "scoring": {"core", "model", "images", "report"},
    "evaluation": {"core", "model", "data", "scoring", "report"},
    "training": {"core", "model", "data", "evaluation", "scoring"},
    "baselines": {"core", "images", "data", "evaluation"},
}
MAY_IMPORT["experiments"] = set(MAY_IMPORT)
MAY_IMPORT["export"] = set(MAY_IMPORT) - {
    "training",
    "experiments",
    "baselines",
}
MAY_IMPORT["datasets"] = MAY_IMPORT["export"] | {"baselines"}
# Loading them must stay cheap: they are what scores on a workstation.
LIGHT = ("core", "images", "report", "scoring")
HEAVY = {"tensorflow", "keras", "scipy"}


def modules(package):
    return sorted(
        path
        for path in (REPOSITORY / package).rglob("*.py")
        if path.name != "__init__.py"
    )


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(dotted):
    parts = dotted.split(".")
    return parts[1] if parts[0] == "g2npan_tf" and parts[1:] else parts[0]


def dotted_name(path):
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


PRODUCT = [p for n in ("g2npan_tf", "datasets", "export") for p in modules(n)]


@pytest.mark.parametrize("path", PRODUCT, ids=dotted_name)
def test_rooms_import_only_rooms_below(path):
    own = room(dotted_name(path))
    for name in imported(path):
        assert not name.startswith(("benchmarks", "tests")), name
        other = room(name)
        if other in MAY_IMPORT and other != own:
            assert other in MAY_IMPORT[own], name


def test_no_modules_import_each_other():
    names = {dotted_name(path): path for path in PRODUCT}
    graph = {
        name: {
            known
            for target in imported(path)
            for known in (target, target.rpartition(".")[0])
            if known in names and known != name
        }
        for name, path in names.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_light_rooms_load_nothing_heavy():
    names = [dotted_name(p) for n in LIGHT for p in modules(f"g2npan_tf/{n}")]
    code = (
        f"import sys, importlib; [importlib.import_module(n) for n in {names}];"
        f" sys.exit(str({HEAVY} & set(sys.modules) or '') or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("path", PRODUCT, ids=dotted_name)
def test_every_module_has_a_test_file(path):
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    *folders, name = parts[1:] if parts[0] == "g2npan_tf" else parts
    # A package's test may stand for its small modules.
    names = [name, *folders[-1:]]
    folder = REPOSITORY.joinpath("tests", *folders)
    found = [n for n in names if (folder / f"test_{n}.py").exists()]
    assert found, f"no test file for {dotted_name(path)}"


@pytest.mark.parametrize("path", modules("g2npan_tf"), ids=lambda p: p.stem)
def test_nets_are_called_with_training_named(path):
    call = re.compile(
        r"(?:generator|discriminator|quality_network|scorer)\((?!self)"
    )
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if call.match(f"{name.removeprefix('self.').removeprefix('model.')}("):
            keywords = {keyword.arg for keyword in node.keywords}
            assert "training" in keywords, ast.unparse(node)


def test_only_config_and_commands_read_flags():
    allowed = {
        "config.py",
        "command.py",
        "score.py",
        "run.py",
        "samples.py",
        "compare.py",
        "cross_validate.py",
        "diagnose.py",
        "tables.py",
        "beam.py",
    }
    for path in modules("g2npan_tf"):
        if "absl.flags" in imported(path):
            assert path.name in allowed


# What would run code from a file: weights are the only thing that is loaded.
EXECUTING = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "torch",
}
EXECUTING_CALLS = {
    "np.load": "allow_pickle=False",
    "numpy.load": "allow_pickle=False",
    "keras.saving.load_model": "safe_mode=True",
    "keras.models.load_model": "safe_mode=True",
    "tf.keras.models.load_model": "safe_mode=True",
}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "keras.config.enable_unsafe_deserialization",
    "yaml.load",
}


@pytest.mark.parametrize(
    "path",
    [
        *(p for n in ("g2npan_tf", "datasets", "export") for p in modules(n)),
        REPOSITORY / "train.py",
        REPOSITORY / "evaluate.py",
    ],
    ids=lambda p: p.stem,
)
def test_no_file_can_bring_code_in(path):
    for name in imported(path):
        assert name.split(".")[0] not in EXECUTING, name
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name, call = ast.unparse(node.func), ast.unparse(node)
            assert name not in FORBIDDEN_CALLS, call
            assert "allow_pickle=True" not in call, call
            assert EXECUTING_CALLS.get(name, "") in call, call
