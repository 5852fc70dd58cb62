"""Damaged and impossible files; see fuzz_images for what is asserted."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.tiny import REPOSITORY

INPUTS = 12_000
MOST_SECONDS = 2
MOST_GROWTH = 64 * 2**20


def run(folder, *arguments):
    """Runs the child; a crash of a native decoder is its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_images", str(folder), *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    kept = pathlib.Path(folder / "input")
    assert done.returncode == 0, f"{done.stderr}\nat the input {kept}"
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_damaged_files_of_every_format_end_as_frames_or_one_line(tmp_path):
    figures, stderr = run(tmp_path, "bytes", str(INPUTS))
    print(figures)
    assert figures["inputs"] == INPUTS
    assert min(figures["read"], figures["refused"]) > INPUTS / 20
    assert figures["slowest_seconds"] < MOST_SECONDS, figures["slowest"]
    assert figures["growth_bytes"] < MOST_GROWTH
    assert figures["scored_inputs"] == INPUTS // 10
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
