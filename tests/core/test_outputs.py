import ast
import types

import pytest
from absl import flags

from export import command
from export.serving.transport import Server
from export.serving_client import client_command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import check
from g2npan_tf.scoring.beam import LineScorer
from g2npan_tf.scoring.beam import score_archive
from tests.tiny import REPOSITORY


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A file, links to it, and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/a.png", "data/scores.csv", "other.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "soft").symlink_to("data/a.png")
    (tmp_path / "hard").hardlink_to("data/a.png")
    (tmp_path / "linked").symlink_to("data")


@pytest.mark.parametrize(
    "name",
    ["data/a.png", "./data/../data/a.png", "soft", "hard", "linked/a.png"],
)
def test_a_file_is_known_by_any_name(there, name):
    with pytest.raises(InputError, match="--output would overwrite"):
        check({"output": [name]}, ["data/missing", "", "data/a.png"])
    check({"output": [name]}, ["other.csv", "a\0b", "x" * 300, "data"])


def test_a_name_of_other_case_is_judged_by_the_file_system(there, monkeypatch):
    # As on file systems that hold A.PNG and a.png for one.
    identity = outputs._identity
    monkeypatch.setattr(
        outputs, "_identity", lambda path: identity(str(path).lower())
    )
    with pytest.raises(InputError, match="overwrite DATA/A"):
        check({"output": ["DATA/A.PNG"]}, ["data/a.png"])


@pytest.mark.parametrize("name", ["new/out.csv", "data/new.csv", "other.csv"])
def test_what_harms_nothing_is_accepted(there, name):
    check({"output": [name]}, ["data/a.png"], folders=["missing"])


@pytest.mark.parametrize("name", ["data", "linked", "linked/new/deep.csv"])
def test_nothing_is_written_in_a_folder_that_is_read_as_a_whole(there, name):
    with pytest.raises(InputError, match="lies in the input data"):
        check({"output": [name]}, [], folders=["data"])


def test_a_folder_that_is_replaced_holds_no_input_and_no_output(there):
    with pytest.raises(InputError, match="--report=linked holds the input"):
        check({}, ["soft"], replaced={"report": "linked"})
    with pytest.raises(InputError, match="--output=data/x lies in --report"):
        check({"output": ["data/x"]}, [], replaced={"report": "linked"})
    with pytest.raises(InputError, match="--explain=new lies in --report=new"):
        check({}, [], filled={"explain": "new"}, replaced={"report": "new"})
    with pytest.raises(InputError, match="--explain=linked holds the input"):
        check({}, ["soft"], filled={"explain": "linked"})
    check({"output": ["y/x"]}, ["soft"], filled={"report": "", "explain": "y"})


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({"manual_dir": "data"}, "data/scores.csv"),
        ({"manual_dir": "data"}, "data/a.png"),
        ({"init_from": "run"}, "run/config.json"),
        ({"backbone_weights": "other.csv"}, "other.csv"),
        ({"data_dir": "base"}, "base/fusion_quality/new.csv"),
    ],
)
def test_what_a_data_base_is_made_of_is_kept(
    there, tmp_path, settings, written
):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").touch()
    (tmp_path / "base" / "fusion_quality").mkdir(parents=True)
    none = {"manual_dir": "", "data_dir": ""}
    given = types.SimpleNamespace(**{**none, **settings})
    with pytest.raises(InputError, match="--workdir"):
        outputs.check_settings({"workdir": ["new", written]}, given)


def test_the_files_of_a_model(tmp_path):
    run, saved = tmp_path / "run", tmp_path / "saved"
    for folder in (run, saved):
        folder.mkdir()
    (run / "scorer.keras").touch()
    assert outputs.model_folders(run) == []
    assert run / "scorer.keras" in outputs.model_files(run)
    assert outputs.model_folders(saved) == [saved]
    files = [f"g.float16.{end}" for end in ("tflite", "json", "parity.json")]
    assert [p.name for p in outputs.model_files(files[0])] == files


def test_the_client_of_a_server_keeps_its_inputs(there):
    with pytest.raises(InputError, match="--output would overwrite soft"):
        client_command(Server("http", "localhost", 1), ["data"], output="soft")


def test_a_pipeline_keeps_its_inputs(there, tmp_path):
    pytest.importorskip("apache_beam")
    (tmp_path / "list.csv").write_text("data\n")
    with pytest.raises(InputError, match=r"overwrite list\.csv"):
        score_archive(LineScorer("model.tflite"), ["@list.csv"], "list.csv")
    (tmp_path / "null.csv").symlink_to("/dev/null")
    with pytest.raises(InputError, match=r"null\.csv: no regular file"):
        score_archive(LineScorer("model.tflite"), ["data"], "null.csv")


def test_an_export_keeps_its_run(there, tmp_path, monkeypatch):
    (tmp_path / "config.json").touch()
    values = types.SimpleNamespace(workdir=".", output=".", name="config")
    monkeypatch.setattr(flags, "FLAGS", values)
    with pytest.raises(InputError, match=r"overwrite config\.json"):
        command.run([], ["export"], ["config.tflite", "config.json"])


# What only makes folders that were empty, or only files of its own names.
EXEMPT = {"datasets/samples.py"}


def test_every_command_with_an_output_checks_it():
    found = set()
    packages = ("g2npan_tf", "datasets", "export", "benchmarks")
    modules = (p for x in packages for p in (REPOSITORY / x).rglob("*.py"))
    for path in [*REPOSITORY.glob("*.py"), *modules]:
        name = path.relative_to(REPOSITORY).as_posix()
        tree = ast.parse(path.read_text())
        defined = {
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "flags.DEFINE_string"
            and isinstance(node.args[0], ast.Constant)
        }
        if defined & {"output", "plot", "report", "explain"}:
            found.add(name)
            checks = "outputs.check" in path.read_text()
            assert checks or name in EXEMPT, name
    assert len(found) > 12
