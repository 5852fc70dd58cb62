import fnmatch
import os

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
from tests.artefacts import save_litert
from tests.pictures import shades
from tests.score_reports import brightness
from tests.tiny import run_python

pytestmark = pytest.mark.filterwarnings("default")

LOCAL = ["--runner=DirectRunner"]
TWO_PROCESSES = [
    *LOCAL,
    "--direct_running_mode=multi_processing",
    "--direct_num_workers=2",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_litert(tmp_path_factory.mktemp("model")))


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


def score_archive(model, inputs, output, beam_flags=LOCAL):
    return beam.score_archive(
        beam.LineScorer(model), inputs, str(output), beam_flags
    )


def command_lines(model, inputs, folder, file_format="csv"):
    """The lines that the command writes of the same inputs, sorted."""
    path = folder / f"command.{file_format}"
    inputs = list(map(str, inputs))
    score.score_command(model, inputs, file_format=file_format, output=path)
    return sorted(path.read_bytes().splitlines())


def run(*arguments):
    """Runs the command as a person does."""
    # Workers import the package from the folder that they start in.
    return run_python("-m", "g2npan_tf.scoring.beam", *arguments)


@pytest.mark.parametrize("file_format", LINES)
def test_the_rows_are_those_of_the_command(
    model, images, tmp_path, file_format
):
    inputs = [str(images), str(images / "missing.png"), str(images / "0.png")]
    wanted = command_lines(model, inputs, tmp_path, file_format)
    output = tmp_path / f"beam.{file_format}"
    assert score_archive(model, inputs, output) == 1
    assert sorted(output.read_bytes().splitlines()) == wanted
    # A header, or a row whose name has two lines.
    assert len(wanted) == (19 if file_format == "csv" else 17)


def test_a_shipped_model_says_whose_scores_it_predicts(
    images, tmp_path, capsys
):
    score_archive("fusion", [str(images / "0.png")], tmp_path / "a.csv")
    errors = capsys.readouterr().err
    assert errors.startswith("note: Model fusion predicts the scores of simul")
    assert "research only" in errors


@pytest.mark.slow
def test_two_processes_give_the_same_rows(model, images, tmp_path):
    wanted = command_lines(model, [images], tmp_path)
    output = tmp_path / "beam.csv"
    done = run(
        f"--model={model}",
        f"--input={images}",
        f"--output={output}",
        *TWO_PROCESSES,
    )
    assert done.returncode == 1, done.stderr
    assert sorted(output.read_bytes().splitlines()) == wanted
    assert done.stderr.splitlines()[-1] == (
        f"{output}: 16 rows, 6 without a score"
    )


def test_no_row_of_several_files_is_lost_or_doubled(model, images, tmp_path):
    header, *wanted = command_lines(model, [f"{images}/?.png"], tmp_path)[::-1]
    inputs = [f"{images}/?.png", f"{images}/0*"]
    assert score_archive(model, inputs, tmp_path / "part") == 0
    found = [
        line
        for path in tmp_path.glob("part-*.csv")
        for line in path.read_bytes().splitlines()
    ]
    assert sorted(line for line in found if line != header) == wanted[::-1]
    assert len(wanted) == 8
    with pytest.raises(InputError, match="is there already"):
        score_archive(model, inputs, tmp_path / "part")


def test_flags_and_lists_are_those_of_the_command(model, tmp_path):
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(tmp_path / "slice.png")
    (tmp_path / "list.txt").write_text(f"{tmp_path}/slice.png\n")
    output = tmp_path / "beam.csv"
    arguments = [f"--model={model}", f"--input=@{tmp_path}/list.txt"]
    done = run(*arguments, f"--output={output}", "--grey_bits=12")
    assert done.returncode == 0, done.stderr
    assert "range 0..4095 of --grey_bits" in output.read_text()


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
        score_archive(model, ["x"], tmp_path / "a.csv", beam_flags)


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
        score_archive("none.tflite", ["x"], tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model", "input", "output"])
def test_what_is_missing_is_said(name):
    done = run(*(f"--{x}=a" for x in ("model", "input", "output") if x != name))
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


def test_files_at_addresses_have_the_same_rows_by_one_model(
    distant, monkeypatch
):
    loads = []

    def load(scorer):
        loads.append(scorer)
        return Assessor(brightness)

    monkeypatch.setattr(beam.LineScorer, "load", load)
    scorer = beam.LineScorer("model", batch_size=1, limits=Limits(1000))
    patterns = ("distant://x/*.png", "distant://x/none.png")
    with apache_beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        given = pipeline | apache_beam.Create([patterns])
        coder = apache_beam.coders.BytesCoder()
        _ = beam.lines(given, scorer) | apache_beam.io.WriteToText(
            f"{distant}/lines", coder=coder
        )
    written = b"".join(path.read_bytes() for path in distant.glob("lines-*"))
    *found, missing = sorted(written.splitlines())
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
    assert len(loads) == 1


def test_a_model_at_an_address_is_fetched(distant):
    scorer = beam.LineScorer("distant://x/model.tflite")
    with pytest.raises(InputError, match=r"model\.tflite: cannot be read"):
        scorer.load()
    (distant / "model.tflite").write_bytes(b"no model")
    with pytest.raises(InputError, match="damaged, or not a scorer"):
        scorer.load()
