r"""Makes a table of the paper: trains what it needs, judges it, writes it.

    python -m g2npan_tf.experiments.tables --table=1|2|3|fig6 \
        --data=fusion_quality/phantom [--folds=all] [--seeds=0,1] [--dry_run]

takes all flags of `train.py` but `--workdir`, `--fold` and `--seed`; each row
changes what makes it. Runs are kept in `OUTPUT/runs` by their configuration and
data: they resume where they stopped, finished ones are not repeated, and rows
of several tables share them. The table, CSV, JSON and bars get a folder beside.
"""

import pathlib
import shlex
import sys
from typing import TYPE_CHECKING
from typing import Any

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import config_flags
from g2npan_tf.core import outputs
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import cross_validate
from g2npan_tf.experiments.paper_tables import TABLES

if TYPE_CHECKING:
    from g2npan_tf.experiments.table_runs import Request

# What the rows of the tables set themselves.
_ROWS_SET = ("fold", "seed", "backbone", "use_gan", "use_perception_weight")


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_flags.define_flags()
    flags.DEFINE_enum("table", None, list(TABLES), "Which. Required.")
    flags.DEFINE_string("output", "runs/tables", "Folder of runs and tables.")
    flags.DEFINE_list(
        "folds",
        ["0"],
        "Test folds, pooled, or `all`; draws of the cases in Table 3.",
    )
    flags.DEFINE_list("seeds", ["0"], "Seeds to train with, each over folds.")
    flags.DEFINE_list("rows", [], "Names of the rows to fill. Default: all.")
    flags.DEFINE_bool(
        "dry_run", False, "Only list what would be trained and its time."
    )
    flags.DEFINE_bool(
        "only_finished", False, "Train nothing; leave out what is not there."
    )


def main(argv: list[str]) -> None:
    """Fills the table and prints it, or says what that would take."""
    options = flags.FLAGS
    if not options.table or len(argv) > 1:
        command.fail(f"expected --table={'|'.join(TABLES)}, and no other words")
    base = _base(options.table)
    output = pathlib.Path(options.output)
    outputs.check_settings({"output": [output / "runs"]}, base)
    folds = cross_validate.fold_numbers(base, options.folds)
    seeds = cross_validate.numbers("seeds", options.seeds, 2**32 - 1)
    rows = _rows(options.table, options.rows)
    with command.quiet_stderr():
        from g2npan_tf.data import base as data
        from g2npan_tf.experiments import table_runs
    builder = data.open_base(base)
    request = table_runs.Request(
        name=options.table,
        base=base,
        facts=data.facts(builder),
        folds=tuple(folds),
        seeds=tuple(seeds),
        rows=rows,
        output=output,
        commands=_commands(options.table, base),
    )
    try:
        if options.dry_run:
            print(table_runs.plan(request, builder))
        else:
            fill(request, options.only_finished)
    except OSError as error:
        raise InputError(f"--output={options.output}: {error}") from error


def fill(request: "Request", only_finished: bool) -> None:
    """Runs what is missing, unless `only_finished`; writes and prints it all.

    Raises:
        InputError: If a run fails, or is of other data or scores.
    """
    from g2npan_tf.experiments import table_results
    from g2npan_tf.experiments import table_runs

    left_out = table_runs.run_rows(request, only_finished)
    filled = table_results.collect(request, left_out)
    folder = table_results.write(request, filled)
    print(table_results.markdown(request, filled))
    print(f"results written to {folder}")


def _base(table: str) -> Config:
    """What the rows have in common."""
    options = flags.FLAGS
    for name in _ROWS_SET:
        if options[name].present:
            expected = f"--{name}s=LIST" if name in ("fold", "seed") else "none"
            command.fail(f"--{name}: the rows set it; expected {expected}")
    if table != "3":
        base = config_flags.from_flags()
        config_module.expect_test_part(base, "expected another --protocol")
        return base
    if options["train_share"].present:
        command.fail("--train_share: the rows of Table 3 set it; expected none")
    if options.protocol not in (None, "ratio"):
        command.fail(
            f"--protocol={options.protocol}: Table 3 is of --protocol=ratio"
        )
    options["protocol"].value = "ratio"
    options["protocol"].present = 1
    return config_flags.from_flags()


def _rows(table: str, wanted: list[str]) -> tuple[str, ...]:
    """Names of the rows to fill."""
    names = tuple(row.name for row in TABLES[table].rows)
    for name in wanted:
        if name not in names:
            raise InputError(
                f"--rows={','.join(wanted)}: no row {name!r}; expected some "
                f"of {', '.join(names)}"
            )
    return tuple(name for name in names if name in (wanted or names))


def _commands(table: str, base: Config) -> dict[str, str]:
    """This very command, and that of the paper's setting."""
    python = "python -m g2npan_tf.experiments.tables"
    kept: dict[str, Any] = {"table": table, "data": base.data}
    for name in ("data_dir", "manual_dir", "backbone_weights"):
        if getattr(base, name):
            kept[name] = getattr(base, name)
    if base.init_from:
        # Other networks than the paper's do not fit them.
        kept["init_from"] = (
            base.init_from if base.preset == "paper" else "WORKDIR"
        )
    if base.protocol not in ("group", "ratio"):
        kept["protocol"] = base.protocol
    kept |= {"preset": "paper", "folds": "all"}
    full = [f"--{name}={value}" for name, value in kept.items()]
    return {
        "this": f"{python} {shlex.join(sys.argv[1:])}",
        "full": f"{python} {shlex.join(full)}",
    }


if __name__ == "__main__":
    define_flags()
    command.run(main)
