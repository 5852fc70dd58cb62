"""The house: who may import whom, folder by folder."""

import ast
import graphlib
import subprocess
import sys

import pytest

from tests.tiny import REPOSITORY

# Folders from the ground floor up; each may import those named, and itself.
MAY_IMPORT = {
    "core": "",
    "model": "core",
    "images": "core",
    "report": "core",
    "data": "core model",
    "scoring": "core model images report",
    "evaluation": "core model data scoring report",
    "training": "core model data evaluation scoring",
    "baselines": "core images data evaluation scoring",
    "experiments": "core model images report data scoring evaluation training"
    " baselines",
    "export": "core model images data scoring evaluation",
    "datasets": "core images report data evaluation scoring baselines",
}
# No flag is read below the commands: plain values are passed on.
WITHOUT_FLAGS = ("model", "images", "report", "data")
# What scores on a workstation loads quickly.
LIGHT = ("core", "images", "report", "scoring")
HEAVY = {"tensorflow", "keras", "scipy"}

PATHS = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path
    for folder in ("g2npan_tf", "datasets", "export")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
}


def folder_of(name):
    return name.removeprefix("g2npan_tf.").split(".")[0]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("name", [n for n in PATHS if "." in n])
def test_folders_import_only_folders_below(name):
    own = folder_of(name)
    allowed = {own, *MAY_IMPORT.get(own, " ".join(MAY_IMPORT)).split()}
    above = {*MAY_IMPORT, "benchmarks", "tests"} - allowed
    targets = set(imported(PATHS[name]))
    assert not above & {folder_of(target) for target in targets}
    assert own not in WITHOUT_FLAGS or "absl.flags" not in targets


def test_no_modules_import_each_other():
    graph = {
        name: {
            known
            for target in imported(path)
            for known in (target, target.rpartition(".")[0])
            if known in PATHS and known != name
        }
        for name, path in PATHS.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_light_folders_load_nothing_heavy():
    names = [name for name in PATHS if folder_of(name) in LIGHT]
    code = (
        f"import sys, importlib; [importlib.import_module(n) for n in {names}];"
        f" sys.exit(str({HEAVY} & set(sys.modules) or '') or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("name", [n for n in PATHS if "__init__" not in n])
def test_every_module_has_a_test_file(name):
    *folders, module = name.removeprefix("g2npan_tf.").split(".")
    folder = REPOSITORY.joinpath("tests", *folders)
    # A folder's test may stand for its small modules.
    found = [(folder / f"test_{n}.py").exists() for n in (module, folders[-1])]
    assert any(found)
