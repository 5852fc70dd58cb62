"""Which files are put together, and what is said of the others."""

import pytest

from g2npan_tf.baselines import partners
from g2npan_tf.core.errors import InputError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def find(folder, fused="fused", a="a", b="b"):
    return partners.find(*(str(folder / name) for name in (fused, a, b)))


@pytest.fixture
def folder(tmp_path):
    """Two sources of three pairs, and two algorithms."""
    touch(tmp_path / "a", "1.png", "2.png", "sub/3.nii.gz")
    touch(tmp_path / "b", "1.JPG", "2.png", "3.dcm")
    touch(tmp_path / "fused", "pca/1.bmp", "pca/2.png", "pca/3.png")
    touch(tmp_path / "fused", "deep/gan/1.png", "deep/gan/2.png")
    return tmp_path


def test_suffixes_aside_one_name_is_one_pair_and_folders_are_algorithms(folder):
    found = find(folder)
    assert [(t.algorithm, t.name) for t in found.triples] == [
        *(("deep/gan", "1"), ("deep/gan", "2")),
        *(("pca", "1"), ("pca", "2"), ("pca", "3")),
    ]
    names = [path.name for path in found.triples[-1].paths]
    assert names == ["3.png", "3.nii.gz", "3.dcm"]
    assert not any(triple.problem for triple in found.triples)
    assert found.missing == ("not fused by deep/gan: 3",)


def test_a_flat_folder_is_one_algorithm_of_its_name(folder):
    found = find(folder, fused="fused/pca")
    assert {triple.algorithm for triple in found.triples} == {"pca"}
    assert len(found.triples) == 3
    assert not found.missing


def test_sources_below_the_fused_folder_are_no_algorithms(folder):
    (folder / "a").rename(folder / "fused" / "a")
    (folder / "b").rename(folder / "fused" / "b")
    found = find(folder, a="fused/a", b="fused/b")
    assert {t.algorithm for t in found.triples} == {"pca", "deep/gan"}
    with pytest.raises(InputError, match="no images but those of --a and"):
        find(folder, fused="fused/a", a="fused/a", b="fused/b")


def test_what_has_no_partner_is_named_and_its_neighbours_are_not(folder):
    touch(folder / "fused", "pca/4.png", "pca/5.png")
    touch(folder / "a", "4.png", "6.png", "7.png")
    touch(folder / "b", "7.png", *(f"x{i:02}.png" for i in range(12)))
    found = find(folder)
    problems = {t.name: t.problem for t in found.triples if t.problem}
    assert set(problems) == {"4", "5"}
    assert problems["4"].endswith(
        f"4.png: no file of this name in --b={folder / 'b'}; expected one"
    )
    assert "--a=" in problems["5"]
    assert "--b=" in problems["5"]
    assert found.missing == (
        "in --a alone: 6",
        "in --b alone: "
        + ", ".join(f"x{i:02}" for i in range(10))
        + " and 2 more",
        "not fused: 7",
        "not fused by deep/gan: 3",
    )


def test_one_name_twice_is_no_pair(folder):
    touch(folder / "a", "1.tif")
    touch(folder / "fused", "pca/2.jpg")
    problems = [t.problem for t in find(folder).triples if t.problem]
    assert len(problems) == 4
    assert sum("2 files of this name in --a=" in line for line in problems) == 2
    assert sum("one of 2 files of this name;" in line for line in problems) == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"a": "none"}, "--a=.*none: no such folder"),
        ({"fused": "fused/pca/1.bmp"}, "--fused=.*: no such folder"),
        ({"b": "a"}, "--a and --b are one folder"),
        ({"b": "empty"}, "--b: .*empty: no .png.* file in this folder"),
    ],
)
def test_folders_that_are_none_are_refused(folder, flags, words):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=words):
        find(folder, **flags)
    with pytest.raises(InputError, match="--fused=: no such folder"):
        partners.find("", "a", "b")
