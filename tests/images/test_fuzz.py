"""Damaged and impossible files; see fuzz_images for what is asserted."""

import importlib.util
import json
import pathlib
import shutil

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import SUFFIXES
from g2npan_tf.images.read import read_frames
from tests.tiny import run_python

INPUTS = 12_000
MOST_SECONDS = 2
MOST_GROWTH = 64 * 2**20


def run(folder, *arguments):
    """Runs the child; a crash of a native decoder is its exit code."""
    done = run_python("-m", "tests.fuzz_images", folder, *arguments)
    at = f"at the input {folder / 'input'}"
    assert done.returncode == 0, f"{done.stderr}\n{at}"
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_damaged_files_of_every_format_end_as_frames_or_one_line(tmp_path):
    figures, stderr = run(tmp_path, "bytes", str(INPUTS))
    print(figures)
    assert figures["inputs"] == INPUTS
    assert min(figures["read"], figures["refused"]) > INPUTS / 20
    assert figures["slowest_seconds"] < MOST_SECONDS, figures["slowest"]
    assert figures["growth_bytes"] < MOST_GROWTH
    assert stderr == ""
    shutil.rmtree(tmp_path)


@pytest.mark.slow
def test_impossible_headers_end_as_frames_or_one_line(tmp_path):
    figures, stderr = run(tmp_path, "headers", "1500")
    print(figures)
    assert figures["inputs"] >= 1500
    assert figures["slowest_seconds"] < MOST_SECONDS, figures["slowest"]
    assert stderr == ""


def test_the_fuzzer_itself_runs(tmp_path):
    figures, stderr = run(tmp_path, "bytes", "120")
    assert figures["read"] + figures["refused"] == 120
    assert stderr == ""


def foreign():
    """Pictures of installed packages, and all that pydicom tests itself by."""
    pydicom = importlib.util.find_spec("pydicom")
    installed = pathlib.Path(pydicom.origin).parents[1]
    own = installed / "pydicom" / "data" / "test_files"
    return [
        path
        for path in sorted(installed.rglob("*"))
        if path.is_file()
        and (
            path.is_relative_to(own)
            or path.name.lower().endswith((*SUFFIXES, ".gif", ".webp"))
        )
    ]


@pytest.mark.slow
def test_what_other_packages_read_ends_as_frames_or_one_line():
    read, refusals = 0, []
    for path in foreign():
        try:
            for frame in read_frames(path):
                assert frame.pixels.shape[2:] == (3,), path
            read += 1
        except InputError as error:
            refusals.append(str(error).removeprefix(f"{path}: "))
    assert read >= 100
    assert read + len(refusals) >= 200
    assert not [line for line in refusals if "\n" in line or "/" in line[:1]]
