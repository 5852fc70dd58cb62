import os

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.report import origins
from g2npan_tf.scoring.report.origins import Origin

KNOWN = ("pca", "average", "discrete_wavelet", "stationary_wavelet")


def algorithms(names, known=()):
    """Algorithm and group of each name; None where nothing is known."""
    found = origins.by_paths(names, known).by_name
    return [
        (found[n].algorithm, found[n].group) if n in found else None
        for n in names
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["c7/pca.png", "average.png"], [("pca", "c7"), ("average", ".")]),
        (["pca/7.png", "x/pca/8.png"], [("pca", "7"), ("pca", "8")]),
        (
            ["a_pca.png", "discrete_wavelet_b.png", "d/c_average_mos1.25.png"],
            [("pca", "a"), ("discrete_wavelet", ""), ("average", "d/c")],
        ),
    ],
)
def test_names_of_the_models_algorithms_tell(names, expected):
    found = origins.by_paths(names, KNOWN)
    assert [found.by_name[n].algorithm for n in names] == [
        algorithm for algorithm, _ in expected
    ]
    groups = [found.by_name[n].group for n in names]
    assert [os.path.normpath(x) for x in groups] == [
        os.path.normpath(x) for _, x in expected
    ]


def test_part_of_a_word_is_no_algorithm():
    assert algorithms(["case_pcax.png", "average_1.png"], KNOWN) == [None, None]


def test_files_of_the_same_names_in_numbered_folders_are_algorithms():
    names = [f"set_{n:02d}/{x}.png" for n in (1, 2, 13) for x in ("CNN", "U2")]
    assert algorithms(names)[:2] == [("CNN", "set_01"), ("U2", "set_01")]


def test_folders_that_hold_the_same_numbers_are_algorithms():
    names = [f"out/{x}/img{n}.png" for x in ("CNN", "U2Fusion") for n in (1, 2)]
    assert algorithms(names)[1:3] == [("CNN", "img2"), ("U2Fusion", "img1")]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a.png", "b.png"],
        # Both sides could be the algorithms.
        ["a/x.png", "a/y.png", "b/x.png", "b/y.png"],
        ["1/1.png", "1/2.png", "2/1.png", "2/2.png"],
        # Not the same in every folder.
        ["set_1/a.png", "set_1/b.png", "set_2/a.png"],
        # One image each.
        ["set_1/a.png", "set_2/a.png"],
        # Two frames of one file.
        ["set_1/a.dcm#1", "set_1/a.dcm#2", "set_2/a.dcm#1", "set_2/a.dcm#2"],
    ],
)
def test_what_the_paths_do_not_tell_is_not_guessed(names):
    found = origins.by_paths(names)
    assert not found.by_name
    assert "not known" in found.rule


def write(path, text):
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


def test_a_table_tells_by_absolute_and_relative_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    table = origins.read_table(
        write(
            tmp_path / "lists" / "a.csv",
            "\ufeffpath,algorithm,group,more\n"
            f"{tmp_path}/x.png,CNN,7,1\n"
            'y.png,"a, b",,2\n',
        )
    )
    names = ["x.png", "y.png", f"{tmp_path}/lists/y.png", "y.png#2", "z.png"]
    found = origins.by_table(names, table).by_name
    other = Origin("a, b")
    assert [found.get(name) for name in names] == [
        Origin("CNN", "7"),
        other,
        other,
        other,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column path, no column algorithm"),
        ("path,method\na,b\n", "no column algorithm"),
        ("path,algorithm\na.png,\n", "line 2: an empty path or algorithm"),
        ("path,algorithm\na.png\n", "line 2: .*1 cells; expected 2"),
        ("path,algorithm\na,x\na,y\n", "line 3: a has two origins"),
        ("path,algorithm\n\udcff,x\n", "line 2: .*not UTF-8"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path, text, message):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(InputError, match=message):
        origins.read_table(path)


def test_tables_of_spreadsheets_and_other_systems_are_read(tmp_path):
    text = "sep=;\n path ; algorithm \nct\\x.png; PCA \nct\\y.png;pca\n"
    table = origins.read_table(write(tmp_path / "a.csv", text))
    names = [str(tmp_path / "ct" / name) for name in ("x.png", "y.png")]
    found = origins.by_table([*names, "z.png"], table)
    assert list(found.by_name.values()) == [Origin("PCA")] * 2
    assert "(2 of 3 images are in the table)" in found.rule


def test_a_table_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        origins.read_table(tmp_path / "missing.csv")
