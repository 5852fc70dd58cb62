"""The paper's rows: its figures, and what makes each."""

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.run_names import name_of
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.experiments.paper_tables import configured


def rows(table):
    return {row.name: row for row in TABLES[table].rows}


@pytest.mark.parametrize(
    ("table", "name", "figures"),
    [
        ("1", "Tang", (0.6252, 0.6420, 0.4166, 0.2480)),
        ("1", "TEIA", (0.1797, 0.1946, 0.1407, 0.3909)),
        ("2", "VGG11 + pre + CAM", (0.8235, 0.8113, 0.7496, 0.1330)),
        ("3", "5:5", (0.8621, 0.8617, 0.8044, 0.1206)),
        ("fig6", "G2NPAN", (0.9044, 0.9007, 0.8502, 0.1029)),
    ],
)
def test_figures_are_the_papers(table, name, figures):
    assert rows(table)[name].paper == figures


def test_g2n_is_vgg11_plus_the_gain_that_the_text_states():
    before, after = (rows("fig6")[name].paper for name in ("VGG11", "G2N"))
    gains = [b - a for a, b in zip(before, after, strict=True)]
    assert gains == pytest.approx([0.0647, 0.0586, 0.0718, -0.0261])


def test_every_row_is_compared_with_another_of_its_table():
    for table in TABLES.values():
        names = {row.name for row in table.rows}
        assert {row.against for row in table.rows} <= names | {""}


@pytest.mark.parametrize("table", ["2", "fig6"])
def test_each_row_trains_the_network_that_it_names(table):
    for row in TABLES[table].rows:
        base = Config(init_from="start" if row.pretrained else "")
        assert name_of(configured(row, base)) == row.name


def test_only_rows_with_pre_take_start_weights():
    base = Config(init_from="start")
    taken = {
        name: configured(row, base).init_from for name, row in rows("2").items()
    }
    assert {name for name in taken if taken[name]} == {
        "VGG11 + pre",
        "VGG11 + pre + CAM",
    }


def test_shares_of_table_3_are_tenths():
    shares = [configured(r, Config()).train_share for r in TABLES["3"].rows]
    assert shares == [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
