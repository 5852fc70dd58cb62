import base64
import hashlib
import math
import re

import jinja2
import numpy as np
import pytest
from markupsafe import Markup

from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.report.page import Cell
from g2npan_tf.report.page import Column
from g2npan_tf.report.page import Table
from tests.html_checks import Elements
from tests.html_checks import check_page
from tests.tiny import REPOSITORY

HOSTILE = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; & <b>",
    "]]><!-- --> <![CDATA[",
    "{{ 7 * 7 }}{% raw %}",
    "a\x00b\x1b[31m\u202egpj.exe",
    b"\xff.png".decode("utf-8", "surrogateescape"),
    "漢字 é 🧠.png",
]
TEMPLATES = sorted(REPOSITORY.glob("g2npan_tf/**/*.html"))
COLUMNS = (Column("path"), Column("MOS", digits=2, descending=True))


def rendered(body, **values):
    """A page whose main part is a template given as text."""
    frame = '{% extends "report/templates/page.html" %}'
    parts = '{% import "report/templates/parts.html" as parts %}'
    text = f"{frame}{parts}{{% block main %}}{body}{{% endblock %}}"
    template = page._environment().from_string(text)
    return page.render(template, **{"title": "x", **values})


def cells(rows, columns=COLUMNS):
    """Attributes of the cells of numbers."""
    elements = Elements(Table(columns, rows, "scores").__html__())
    return [x for x in elements.find("td") if x["class"] == "number"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(text):
    content = rendered(
        "{{ parts.heading(text, text) }}"
        '<p title="{{ text }}">{{ text }}{{ "=" ~ text }}</p>'
        "{{ parts.definitions({text: text}) }}{{ table }}{{ text|breakable }}",
        title=text,
        text=text,
        table=Table((Column(text),), [[text], [Cell(text, text)]], text),
    )
    content.encode("utf-8")
    elements = check_page(content)
    names = [name for name, _ in elements.tags]
    assert names.count("script") == 1
    assert names.count("img") == names.count("b") == 0
    shown = re.sub("[\x00\x1b\u202e\udcff]", "\ufffd", text)
    assert elements.text.count(shown) == 12
    (paragraph,) = [x for x in elements.find("p") if "title" in x]
    assert paragraph["title"] == shown


def test_html_is_not_escaped_twice_but_cleaned():
    content = rendered("{{ one }}", one=Markup("<b>1 &lt; 2\u202e</b>"))
    assert "\n<b>1 &lt; 2\ufffd</b>" in content


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        rendered("{{ missing }}")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,<script>",
        "http://example.org/x.png",
    ],
)
def test_what_would_run_or_load_is_refused(address):
    with pytest.raises(ValueError, match="Received"):
        rendered("<a href='{{ address | address }}'></a>", address=address)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_check_addresses_and_quote_attributes(path):
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    for name, value in re.findall(r'(\w+)="[^"]*?{{(.*?)}}', text):
        if name in ("href", "src", "srcset"):
            assert value.rstrip().endswith("| address"), value
    assert not re.search(r"=\s*{{|\s(?:style|on\w+)=|\|\s*safe", text)


def test_the_policy_names_every_style_and_script_by_its_digest():
    (style, script), allow = (
        ("scoring/report/group.css", "scoring/page/app.js"),
        {"connect-src": "'self'"},
    )
    content = rendered("", styles=[style], scripts=[script], allow=allow)
    (policy,) = [
        x["content"]
        for x in check_page(content).find("meta")
        if "http-equiv" in x
    ]
    found = re.findall(r"<(style|script)>(.*?)</\1>", content, re.DOTALL)
    assert [kind for kind, _ in found] == ["style"] * 2 + ["script"] * 2
    for _, text in found:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
        assert f"'sha256-{digest.decode()}'" in policy
    assert "connect-src 'self'" in policy


def test_a_script_cannot_end_its_element(monkeypatch):
    monkeypatch.setattr(page, "_source", lambda name: "'</script>'")
    with pytest.raises(ValueError, match="holds </"):
        rendered("")


def test_every_page_says_what_it_is_not():
    assert "not a medical device" in Elements(rendered("")).text


def test_a_path_breaks_at_its_separators():
    path = page.breakable("a/<b>_c\\d.png")
    assert path == "a/<wbr>&lt;b&gt;_<wbr>c\\<wbr>d.png"


def test_numbers_are_rounded_to_see_and_whole_to_sort():
    content = Table(COLUMNS, [["a", 1.23456]]).__html__()
    assert '<td class="number" data-sort="1.23456">1.23</td>' in content


@pytest.mark.parametrize("missing", [None, math.nan, Cell("none", None)])
def test_missing_values_have_an_empty_key(missing):
    assert [x["data-sort"] for x in cells([["a", missing]])] == [""]


def test_a_cell_may_be_sorted_by_something_else():
    rows = [[Cell(Markup("<a>x</a>"), "b"), Cell("3.00 of 5", 3.0)]]
    content = Table(COLUMNS, rows).__html__()
    assert '<td class="text" data-sort="b"><a>x</a></td>' in content
    assert 'data-sort="3.0">3.00 of 5<' in content


def test_headings_say_how_to_sort():
    columns = (*COLUMNS, Column("picture", sortable=False, explanation="why"))
    heads = Elements(Table(columns, []).__html__()).find("th")
    assert [x["data-type"] for x in heads] == ["text", "number", "none"]
    assert heads[1]["data-first"] == "descending"
    assert heads[2]["title"] == "why"


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="argument 2"):
        Table(COLUMNS, [["a"]]).__html__()


def test_large_pictures_are_bounded_and_described():
    noise = np.random.default_rng(0).integers(0, 256, (900, 600, 3), np.uint8)
    (image,) = Elements(page.picture(noise, '"><b>')).find("img")
    assert image["alt"] == '"><b>'
    assert (image["width"], image["height"]) == ("341", "512")
    (small,) = Elements(page.picture(noise / 255, "", 90)).find("img")
    assert (small["width"], small["height"]) == ("60", "90")


@pytest.mark.parametrize(("mark", "place"), [(0.25, 50), (-1, 0), (7, 200)])
def test_a_colour_bar_marks_where_the_image_is(mark, place):
    bar = page.colour_bar(pictures.VIRIDIS, "0", "1", "quality", mark)
    elements = Elements(bar)
    (drawn,) = elements.find("path")
    assert drawn["d"].startswith(f"M{place}.0 ")
    assert "Colour bar from 0 to 1: quality" in elements.text
