import warnings

from matplotlib import figure

from g2npan_tf.report.plain_text import plain_text


@plain_text()
def draw(path, text):
    plot = figure.Figure(figsize=(3, 1))
    plot.suptitle(text)
    plot.savefig(path)


def test_a_sign_of_formulas_is_drawn_as_it_stands(tmp_path):
    for name in ("paid $$", "a$^b$", r"$\\frac$"):
        draw(tmp_path / "a.png", name)
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_signs_without_a_font_are_told_in_one_line(tmp_path, capsys):
    # No font has what Unicode has not.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(tmp_path / "a.png", "x \U000e0fff\ufdd0 \ufdd0")
    errors = capsys.readouterr().err
    assert errors.startswith("note: boxes in the plot, since no font here has")
    assert errors.count("\n") == 1
