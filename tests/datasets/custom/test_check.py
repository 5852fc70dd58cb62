"""The command that checks a user's folder."""

import subprocess
import sys

import cv2
import pytest
from absl import flags

from datasets.custom import check
from g2npan_tf.core.errors import InputError
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder
from tests.custom_folder import write_table
from tests.tiny import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command in process; returns the exit code and the plot."""

    def run(folder, plot=tmp_path / "scores.png"):
        values = flags.FlagValues()
        flags.DEFINE_string("manual_dir", str(folder), "", flag_values=values)
        flags.DEFINE_string("plot", str(plot), "", flag_values=values)
        values(["check"])
        monkeypatch.setattr(flags, "FLAGS", values)
        return check.main(["check"]), plot

    return run


def test_good_folder_is_described_and_drawn(tmp_path, run, capsys):
    code, plot = run(write_folder(tmp_path / "data", rows_of()))
    assert code == 0
    assert cv2.imread(str(plot)).shape[2] == 3
    printed = capsys.readouterr().out
    assert "15 images of 5 pairs, no problems" in printed
    assert "fold_0 to fold_4: 3, 3, 3, 3, 3" in printed
    assert "user's readers" in printed
    assert "simulated" not in printed


def test_readers_are_described(tmp_path, run, capsys):
    run(write_folder(tmp_path / "data", with_readers(rows_of())))
    printed = capsys.readouterr().out
    assert "ICC(2,1) 0.99" in printed
    assert "BT.500: none (never any of five or fewer)" in printed
    assert "reader_3 1.00" in printed


def test_every_problem_has_its_own_line(tmp_path, run, capsys):
    rows = rows_of()
    folder = write_folder(tmp_path / "data", rows)
    rows[0]["mos"], rows[4]["mos"] = "-1", ""
    write_table(folder, rows)
    code, plot = run(folder)
    assert code == 1
    assert not plot.exists()
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith("scores.csv, line 2: images/0_first.png: mos")
    assert second.startswith("scores.csv, line 6: images/1_second.png: mos")


def test_too_few_cases_are_a_problem(tmp_path, run, capsys):
    code, _ = run(write_folder(tmp_path / "data", rows_of(4)))
    assert code == 1
    assert "4 cases" in capsys.readouterr().out


def test_plot_that_cannot_be_written_is_an_input_error(tmp_path, run):
    folder = write_folder(tmp_path / "data", rows_of())
    with pytest.raises(InputError, match="no such file"):
        run(folder, tmp_path / "none" / "scores.png")


@pytest.mark.parametrize("name", ["scores.csv", "images/0_first.png", "link"])
def test_the_plot_is_drawn_over_no_input(tmp_path, run, monkeypatch, name):
    folder = write_folder(tmp_path / "data", rows_of())
    (folder / "link").symlink_to("scale.json")
    before = (folder / name).read_bytes()
    monkeypatch.setattr(check.custom, "read_scores", None)
    with pytest.raises(InputError, match="--plot would overwrite"):
        run(folder, folder / name)
    assert (folder / name).read_bytes() == before


def test_names_of_algorithms_are_drawn_as_they_stand(tmp_path, run, capsys):
    names = {"first": "paid $$", "second": "医", "third": "c"}
    rows = [{**row, "algorithm": names[row["algorithm"]]} for row in rows_of()]
    code, plot = run(write_folder(tmp_path / "data", rows))
    assert code == 0
    assert cv2.imread(str(plot)) is not None
    assert capsys.readouterr().err.count("\n") <= 1


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("none", 2, "no such folder"),
        ("check_dollar4", 0, ""),
        ("check_hugeint", 2, ""),
    ],
)
def test_one_line_says_what_cannot_be_checked(tmp_path, name, code, said):
    if name != "none" and not CASES.is_dir():
        pytest.skip("no cases beside the project")
    command = [sys.executable, "-m", "datasets.custom.check"]
    done = subprocess.run(
        [*command, f"--manual_dir={CASES / name}", f"--plot={tmp_path}/x"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (code == 2)
    assert said in done.stderr
