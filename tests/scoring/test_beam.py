import csv
import fnmatch
import io
import json
import os
import subprocess
import sys

import apache_beam
import numpy as np
import pytest
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystem import MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem
from apache_beam.options.pipeline_options import GoogleCloudOptions
from apache_beam.options.pipeline_options import WorkerOptions
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import Limits
from g2npan_tf.scoring import beam
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import LINES
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import ScoreRow
from tests import artefacts
from tests.pictures import shades
from tests.score_reports import brightness
from tests.tiny import REPOSITORY

pytestmark = pytest.mark.filterwarnings("default")

LOCAL = ["--runner=DirectRunner"]
TWO_PROCESSES = [
    "--runner=DirectRunner",
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    artefacts.save_artefacts(artefacts.tiny_scorer(), folder)
    return str(folder / "scorer.tflite")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Good, odd, damaged and missing files."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(7):
        pixels = rng.integers(0, 256, (40, 30 + number, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    for name in ("=1+1.png", "line\nbreak.png", os.fsdecode(b"\xff.png")):
        image = shades(90)
        Image.merge("LA", (image, image)).save(folder / name)
    Image.new("L", (20, 20), 255).save(folder / "blank.png")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no image")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:99])
    (folder / "below").mkdir()
    Image.new("L", (8, 8)).save(folder / "below" / "small.png")
    (folder / "dangling.png").symlink_to(folder / "nowhere")
    (folder / ".hidden.png").symlink_to(folder / "0.png")
    return folder


def score_archive(model, *arguments, **options):
    return beam.score_archive(beam.LineScorer(model), *arguments, **options)


def rows(path, file_format="csv"):
    """The rows of a file, by their path."""
    with open(path, encoding="utf-8", newline="") as file:
        if file_format == "csv":
            found = list(csv.DictReader(file))
        else:
            found = list(map(json.loads, file))
    return sorted(found, key=lambda row: row["path"])


def expected(model, inputs, path, file_format="csv"):
    """What the command writes of the same inputs."""
    score.score_command(
        model, list(map(str, inputs)), file_format=file_format, output=path
    )
    return rows(path, file_format)


@pytest.mark.parametrize("file_format", LINES)
def test_the_rows_are_those_of_the_command(
    model, images, tmp_path, file_format
):
    inputs = [str(images), str(images / "missing.png"), str(images / "0.png")]
    wanted = expected(
        model, inputs, tmp_path / f"command.{file_format}", file_format
    )
    output = str(tmp_path / f"beam.{file_format}")
    code = score_archive(model, inputs, output, beam_flags=LOCAL)
    assert code == 1
    assert rows(output, file_format) == wanted
    assert len(wanted) == 17
    assert sum(row["status"] == "ok" for row in wanted) == 10


@pytest.mark.slow
def test_two_processes_give_the_same_rows(model, images, tmp_path):
    wanted = expected(model, [images], tmp_path / "command.csv")
    # The workers import the package from the folder that they start in.
    command = [
        *(
            sys.executable,
            "-m",
            "g2npan_tf.scoring.beam",
            f"--model={model}",
        ),
        *(f"--input={images}", f"--output={tmp_path}/beam.csv"),
        *TWO_PROCESSES,
    ]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert rows(tmp_path / "beam.csv") == wanted
    assert done.stderr.splitlines()[-1] == (
        f"{tmp_path}/beam.csv: 16 rows, 6 without a score"
    )


def test_no_row_of_several_files_is_lost_or_doubled(model, images, tmp_path):
    wanted = expected(model, [f"{images}/?.png"], tmp_path / "command.csv")
    prefix = str(tmp_path / "part")
    inputs = [f"{images}/?.png", f"{images}/0*"]
    code = score_archive(model, inputs, prefix, beam_flags=LOCAL)
    found = [row for path in tmp_path.glob("part-*.csv") for row in rows(path)]
    assert code == 0
    assert sorted(found, key=lambda row: row["path"]) == wanted
    assert len(wanted) == 8
    with pytest.raises(InputError, match="is there already"):
        score_archive(model, inputs, prefix, beam_flags=LOCAL)


def test_the_depth_of_16_bit_grey_may_be_stated(model, tmp_path):
    path, output = tmp_path / "slice.png", tmp_path / "beam.csv"
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(path)
    command = [
        sys.executable,
        "-m",
        "g2npan_tf.scoring.beam",
        "--grey_bits=12",
    ]
    command += [f"--model={model}", f"--input={path}", f"--output={output}"]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (row,) = rows(output)
    assert "range 0..4095 of --grey_bits" in row["notes"]


def test_a_list_names_the_files(model, images, tmp_path):
    (tmp_path / "list.txt").write_text(f"{images}/0.png\n{images}/1.png\n")
    output = str(tmp_path / "beam.csv")
    inputs = [f"@{tmp_path}/list.txt"]
    assert score_archive(model, inputs, output) == 0
    assert len(rows(output)) == 2


@pytest.mark.parametrize(
    ("beam_flags", "reason"),
    [
        (["--batchsize=3"], "unknown flag --batchsize"),
        (["image.png"], "expected --input=image.png"),
        (["--direct_num_workers=x"], "flags of Beam: --direct_num_workers=x"),
    ],
)
def test_wrong_flags_are_one_line(model, tmp_path, beam_flags, reason):
    with pytest.raises(InputError, match=f"^{reason}"):
        score_archive(
            model, ["x"], str(tmp_path / "a.csv"), beam_flags=beam_flags
        )


def test_an_address_without_its_package_is_one_line(model):
    with pytest.raises(InputError, match=r"^--output=nowhere://x/part: "):
        score_archive(model, ["x"], "nowhere://x/part")


def test_flags_of_a_runner_reach_it():
    given = ["--runner=DataflowRunner", "--project=p", "--max_num_workers=9"]
    options = beam._options([*given, "--flag_of_tomorrow=1"])
    assert options.view_as(GoogleCloudOptions).project == "p"
    assert options.view_as(WorkerOptions).max_num_workers == 9


def test_a_missing_model_is_one_line_before_anything_runs(tmp_path):
    with pytest.raises(InputError, match="no such model"):
        score_archive("none.tflite", ["x"], str(tmp_path / "a.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model", "input", "output"])
def test_what_is_missing_is_said(name):
    given = [f"--{x}=a" for x in ("model", "input", "output") if x != name]
    done = subprocess.run(
        [sys.executable, "-m", "g2npan_tf.scoring.beam", *given],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"error: --{name}=... is missing (--help says more)\n"


class DistantFiles(LocalFileSystem):
    """The files of a folder at addresses `distant://...`."""

    folder = ""

    @classmethod
    def scheme(cls):
        return "distant"

    def _local(self, address):
        return f"{self.folder}/{address.removeprefix('distant://x/')}"

    def open(self, path, *arguments, **options):
        return super().open(self._local(path), *arguments, **options)

    def match(self, patterns, limits=None):
        (pattern,) = patterns
        names = [f"distant://x/{name}" for name in os.listdir(self.folder)]
        found = [FileMetadata(x, 1) for x in fnmatch.filter(names, pattern)]
        return [MatchResult(pattern, found)]


@pytest.fixture
def distant(tmp_path, monkeypatch):
    monkeypatch.setattr(DistantFiles, "folder", str(tmp_path))
    for name, value in (("a.png", 51), ("b.png", 102)):
        shades(value).save(tmp_path / name)
    Image.new("L", (20, 20), 255).save(tmp_path / "blank.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(bytes(2000))
    return tmp_path


def run(folder, patterns, batch_size=2):
    """The lines that a pipeline writes, sorted."""
    scorer = beam.LineScorer("model", batch_size, limits=Limits(1000))
    with apache_beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        given = pipeline | apache_beam.Create([tuple(patterns)])
        coder = apache_beam.coders.BytesCoder()
        _ = beam.lines(given, scorer) | apache_beam.io.WriteToText(
            f"{folder}/lines", coder=coder
        )
    written = folder.glob("lines-*")
    return sorted(b"".join(p.read_bytes() for p in written).splitlines())


@pytest.fixture
def loads(monkeypatch):
    """A model in one line; lists how often it was loaded."""
    times = []

    def load(scorer):
        times.append(scorer)
        return Assessor(brightness)

    monkeypatch.setattr(beam.LineScorer, "load", load)
    return times


def test_files_at_addresses_have_the_same_rows(distant, loads):
    patterns = ["distant://x/*.png", "distant://x/none.png"]
    *found, missing = run(distant, patterns)
    assert missing.startswith(b"distant://x/none.png,,,cannot be read (")
    assert found == [
        b"distant://x/a.png,1.8000,0.2000,ok,",
        b"distant://x/b.png,2.6000,0.4000,ok,",
        b"distant://x/blank.png,,,no content: a blank picture or a mask of "
        b"two levels,",
        b"distant://x/empty.png,,,empty file,",
        b'distant://x/large.png,,,"more than 1,000 bytes; expected at most '
        b'that",',
    ]


def test_a_process_loads_its_model_once(distant, loads):
    run(distant, [str(distant), "distant://x/?.png"], batch_size=1)
    assert len(loads) == 1


def test_a_model_at_an_address_is_fetched(distant):
    scorer = beam.LineScorer("distant://x/model.tflite")
    with pytest.raises(InputError, match=r"model\.tflite: cannot be read"):
        scorer.load()
    (distant / "model.tflite").write_bytes(b"no model")
    with pytest.raises(InputError, match="damaged, or not a scorer"):
        scorer.load()


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_lines_and_header_are_those_of_the_command(file_format):
    rows = [
        ScoreRow("=a\nb.png", 1.23456, 0.5, notes=("x", "y, z")),
        ScoreRow("\udcff.png", status='not "readable"'),
    ]
    stream = io.StringIO()
    WRITERS[file_format](rows, stream)
    header, line = LINES[file_format]
    lines = [beam.encoded(line(row)) for row in rows]
    joined = (
        b"\n".join([header.rstrip().encode()] * bool(header) + lines) + b"\n"
    )
    assert joined == stream.getvalue().encode("utf-8", "backslashreplace")
