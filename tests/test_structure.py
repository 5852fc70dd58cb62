"""The house: imports run one way, and every module has its test file."""

import ast
import re

import pytest

from tests.tiny import REPOSITORY

# Packages whose modules use each other.
PACKAGES = (
    "models",
    "baselines",
    "experiments",
    "report",
    "local_page",
    "score_report",
)
# From low to high: a module imports only from levels below its own (or, in
# one level, from what is named with it).
LEVELS = (
    {
        "errors",
        "mos",
        "atomic_file",
        "foreground",
        "subbands",
        "pcnn",
        "significance",
        "plain_json",
    },
    {
        "cli",
        "config",
        "dicom_header",
        "display_range",
        "input_policy",
        "keras_archive",
        "score_table",
        "model_facts",
        "side_file",
    },
    {
        "losses",
        "correlation",
        "models",
        "tiff_header",
        "dicom_display",
        "nifti_images",
        "quality_map",
        "averaging",
        "precision",
        "report",
    },
    {
        "protocols",
        "preset_changes",
        "variants",
        "dicom_images",
        "still_images",
        "progress",
        "picture_row",
    },
    {"images", "checkpoints", "data", "evaluation", "evaluation_table"},
    {"fold_means", "training_data", "output_check", "content"},
    {"gan", "assessor", "baselines"},
    {
        "base_differences",
        "base_selection",
        "external_baselines",
        "single_reader",
        "extreme_images",
    },
    {"evaluation_plots", "explanation", "model_evaluation"},
    {"evaluation_sections", "front_matter", "model_limits"},
    {"evaluation_report", "model_card"},
    {"callbacks", "complexity", "distribution", "experiment", "preemption"},
    {"profiling", "stopping", "summaries", "warm_start"},
    {"dry_run", "recalibration", "run_folder"},
    {"training"},
    {"score_rows", "image_paths"},
    {"frame_scoring"},
    {"file_scoring", "local_page", "beam_scoring", "score_report"},
    {"score_run"},
    {"score", "score_beam", "experiments"},
)


def modules(package):
    return sorted(
        path
        for path in (REPOSITORY / package).rglob("*.py")
        if path.name != "__init__.py"
    )


def level(name):
    return next(i for i, names in enumerate(LEVELS) if name in names)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", modules("g2npan_tf"), ids=lambda p: p.stem)
def test_imports_run_one_way(path):
    own = path.relative_to(REPOSITORY / "g2npan_tf").parts[0]
    own = own.removesuffix(".py")
    for name in imported(path):
        assert name.split(".")[0] not in ("datasets", "export", "benchmarks")
        if name.startswith("g2npan_tf."):
            other = name.split(".")[1]
            assert level(other) < level(own) or own == other in PACKAGES


@pytest.mark.parametrize(
    "path",
    [p for name in ("g2npan_tf", "datasets", "export") for p in modules(name)],
    ids=lambda p: p.stem,
)
def test_every_module_has_a_test_file(path):
    parts = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    if parts[0] == "g2npan_tf":
        parts = parts[1:]
    names = ["_".join(parts[:end]) for end in range(len(parts), 0, -1)]
    # A package's test may stand for its small modules.
    found = [
        name
        for name in names
        if (REPOSITORY / "tests" / f"test_{name}.py").exists()
    ]
    assert found, f"no test file for {path.name}"


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
        "cli.py",
        "score.py",
        "run.py",
        "compare.py",
        "cross_validate.py",
        "diagnose.py",
        "tables.py",
        "score_beam.py",
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
