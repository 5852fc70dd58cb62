"""What building the data set costs: speed, and memory by number of pairs.

    python -m benchmarks.data_base [--pairs=129,1290]

builds `fusion_quality/phantom` in a temporary folder (0.1 MB an image), each
number of pairs in a process of its own, and prints a Markdown table. Without
--slow, the fusion algorithms that take a quarter of a second an image are
left out.
"""

import json
import pathlib
import tempfile
import time
from unittest import mock

from absl import flags

from benchmarks.peak_memory import peak_memory_mib
from g2npan_tf.core import command as cli
from g2npan_tf.core.errors import InputError

SLOW = ("convolutional_sparse", "pcnn")
_FIGURES = "figures.json"


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_list("pairs", ["129", "1290"], "Numbers of pairs to build.")
    flags.DEFINE_bool("slow", False, "Use the slow fusion algorithms too.")
    flags.DEFINE_string("build", "", "Folder to build in; set by the command.")


def main(argv: list[str]) -> None:
    """Prints the table, or builds once in the process that is measured."""
    del argv
    sizes = _sizes(flags.FLAGS.pairs)
    if flags.FLAGS.build:
        build(sizes[0], flags.FLAGS.slow, pathlib.Path(flags.FLAGS.build))
        return
    print("| pairs | images | s | images/s | images/s of one core | MiB |")
    print("|---:|---:|---:|---:|---:|---:|")
    for size in sizes:
        print(_measured_row(size, flags.FLAGS.slow), flush=True)


def build(num_pairs: int, slow: bool, folder: pathlib.Path) -> None:
    """Builds `fusion_quality/phantom` and writes down what it took.

    Args:
        num_pairs: Number of heads to draw.
        slow: Use the slow fusion algorithms too.
        folder: For the data set and `figures.json`: images, wall seconds and
            seconds of processor time.
    """
    from datasets import fusion
    from datasets.fusion_quality import fusion_quality_dataset_builder as module

    config = module.PhantomConfig(name="phantom_bench", num_cases=num_pairs)
    algorithms = {
        name: function
        for name, function in fusion.ALGORITHMS.items()
        if slow or name not in SLOW
    }
    start, processor_start = time.perf_counter(), time.process_time()
    with mock.patch.object(module, "ALGORITHMS", algorithms):
        module.Builder(config=config, data_dir=folder).download_and_prepare()
    figures = {
        "images": num_pairs * len(algorithms),
        "seconds": time.perf_counter() - start,
        "processor_seconds": time.process_time() - processor_start,
    }
    (folder / _FIGURES).write_text(json.dumps(figures))


def _measured_row(num_pairs: int, slow: bool) -> str:
    """Builds in a process of its own; a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "benchmarks.data_base", f"--pairs={num_pairs}"]
        command += [f"--build={folder}", f"--slow={slow}"]
        memory = peak_memory_mib(command)
        figures = json.loads((pathlib.Path(folder) / _FIGURES).read_text())
    images, seconds = figures["images"], figures["seconds"]
    return (
        f"| {num_pairs:,} | {images:,} | {seconds:.0f} | "
        f"{images / seconds:.0f} | "
        f"{images / figures['processor_seconds']:.0f} | {memory:.0f} |"
    )


def _sizes(texts: list[str]) -> list[int]:
    """Reads the numbers of pairs."""
    if not all(text.isdecimal() and int(text) >= 5 for text in texts):
        raise InputError(
            f"--pairs={','.join(texts)}: expected whole numbers from 5 on, "
            "one pair a fold"
        )
    return [int(text) for text in texts]


if __name__ == "__main__":
    define_flags()
    cli.run(main)
