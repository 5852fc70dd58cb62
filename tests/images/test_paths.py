import io
import os
import subprocess

import pytest

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.paths import find_images

TREE = (
    "a.png",
    "b.PNG",
    "c.txt",
    ".hidden.png",
    "ct/x.png",
    "ct/y.jpeg",
    "ct/deep/z.png",
    ".cache/w.png",
    "[1].png",
)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files by relative names, in the current folder."""
    folder = tmp_path / "images"
    for name in TREE:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    monkeypatch.chdir(folder)
    return folder


def found(*arguments, **options):
    return list(map(str, find_images(arguments, **options).paths))


CT = ["ct/deep/z.png", "ct/x.png", "ct/y.jpeg"]
ALL = ["[1].png", "a.png", "b.PNG", *CT]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # Folders are searched in order and by suffix.
        (["."], ALL),
        (["ct"], CT),
        # What is named is tried, whatever it is.
        (["c.txt", "missing"], ["c.txt", "missing"]),
        # A file that is named twice is scored once.
        ([".", "a.png", "./a.png", "ct/../ct/x.png", "{tree}/a.png"], ALL),
        (["{tree}/c*"], [f"{{tree}}/{name}" for name in ("c.txt", *CT)]),
        # A pattern without files stands for itself.
        *([[x], [x]] for x in ("*.dcm", "no/**/x.png", "[", "a.png/*")),
    ],
)
def test_what_arguments_stand_for(tree, arguments, expected):
    given, wanted = (
        [name.replace("{tree}", str(tree)) for name in names]
        for names in (arguments, expected)
    )
    assert found(*given) == wanted


def test_an_empty_argument_is_refused():
    with pytest.raises(InputError, match="empty path"):
        find_images([""])


@pytest.mark.parametrize(
    "pattern",
    ["*.png", "*/*.png", "ct/[xy].*", "**/*.png", "ct/**/z.png", "?t/x*"],
)
def test_patterns_are_what_a_shell_makes_of_them(tree, pattern):
    script = f"shopt -s globstar; export LC_ALL=C; printf '%s\\n' {pattern}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True
    )
    assert found(pattern) == done.stdout.splitlines()


def test_what_exists_is_no_pattern(tree):
    assert found("[1].png") == ["[1].png"]
    for name in ("study [1]/x.png", "study 1/x.png"):
        (tree / "ct" / name).parent.mkdir()
        (tree / "ct" / name).touch()
    expected = ["ct/study [1]/x.png"]
    assert found("ct/study [1]/*.png") == found("ct/study [1]") == expected
    assert found("*/study [1]/*.png") == ["ct/study 1/x.png", *expected]
    assert found("ct/study [1]/y*") == ["ct/study [1]/y*"]


def test_lists_hold_paths_folders_and_patterns(tree):
    content = b"\xef\xbb\xbfa.png\r\n\nct/x.png\n*.PNG\n \nct\n"
    (tree / "list.txt").write_bytes(content)
    expected = ["a.png", "ct/x.png", "b.PNG", "ct/deep/z.png", "ct/y.jpeg"]
    assert found("@list.txt") == expected
    assert found("-", stdin=io.BytesIO(content)) == expected


def test_lines_of_a_list_are_no_lists_and_need_not_be_text(tree):
    *names, name = found("-", stdin=io.BytesIO(b"-\n@x\n\xff.png"))
    assert names == ["-", "@x"]
    assert os.fsencode(name) == b"\xff.png"


def test_a_file_that_begins_with_the_mark_is_a_file(tree):
    (tree / "@a.png").touch()
    assert found("@a.png") == ["@a.png"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("@missing.txt", None, "@missing.txt: no such file"),
        ("@ct", None, "@ct: is a directory"),
        ("@zero.txt", b"a\0b", "@zero.txt: no text"),
        ("@a\0b", None, "@a\0b: embedded null"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(tree, name, content, message):
    if content:
        (tree / name[1:]).write_bytes(content)
    with pytest.raises(InputError, match=f"^{message}"):
        find_images([name])


@pytest.fixture
def outside(tree):
    """Links to a file and a folder outside, to one inside, and a loop."""
    other = tree.parent / "other"
    (other / "sub").mkdir(parents=True)
    (other / "o.png").touch()
    (other / "sub" / "p.png").touch()
    os.symlink(other / "o.png", tree / "out.png")
    os.symlink(other, tree / "out")
    os.symlink(tree / "a.png", tree / "in.png")
    os.symlink(tree, tree / "ct" / "loop")
    return other


@pytest.mark.parametrize("argument", [".", "**/*", "*"])
def test_links_out_of_a_folder_are_left_out_and_counted(
    tree, outside, argument
):
    result = find_images([argument])
    names = set(map(str, result.paths))
    assert {"a.png", "in.png", "ct/x.png"} <= names
    assert not [x for x in names if "out" in x or "loop" in x]
    assert result.num_links_left_out >= 3


def test_links_are_followed_when_asked_without_end(tree, outside):
    names = found(".", follow_links=True)
    assert {"out.png", "out/o.png", "out/sub/p.png", "in.png"} <= set(names)
    assert len(names) == len(set(names)) < 20


def test_a_link_that_is_named_is_followed(tree, outside):
    assert found("out.png", "out") == ["out.png", "out/o.png", "out/sub/p.png"]
