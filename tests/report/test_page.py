import base64
import hashlib
import re

import pytest

from g2npan_tf.report import page
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from tests.html_checks import Elements
from tests.html_checks import check_page

HOSTILE = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; & <b>",
    "]]><!-- --> <![CDATA[",
    "a\x00b\x1b[31m\u202egpj.exe",
    b"\xff.png".decode("utf-8", "surrogateescape"),
    "漢字 é 🧠.png",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(text):
    content = page.document(
        text,
        page.heading(text, text),
        page.section(text, text, tag("p", text, title=text)),
        page.definitions({text: text}),
        text,
    )
    content.encode("utf-8")
    elements = check_page(content)
    names = [name for name, _ in elements.tags]
    assert names.count("script") == 1
    assert names.count("img") == names.count("b") == 0
    shown = re.sub("[\x00\x1b\u202e\udcff]", "\ufffd", text)
    assert elements.text.count(shown) == 9
    (paragraph,) = [x for x in elements.find("p") if "title" in x]
    assert paragraph["title"] == shown


def test_html_is_not_escaped_twice():
    inner = tag("b", "1 < 2")
    assert tag("p", inner, " & ") == "<p><b>1 &lt; 2</b> &amp; </p>"
    assert page.join("<", Html("<br>")) == "&lt;<br>"


def test_html_in_an_attribute_cannot_end_it():
    (attributes,) = Elements(tag("p", title=Html('"><b>'))).find("p")
    assert attributes == {"title": '"><b>'}


def test_attributes_have_the_names_of_html():
    written = tag(
        "td", class_="a", data_sort=1.5, hidden=True, title=None, lang=False
    )
    assert written == '<td class="a" data-sort="1.5" hidden></td>'


@pytest.mark.parametrize(
    "attributes",
    [
        {"href": "javascript:alert(1)"},
        {"href": " JavaScript:alert(1)"},
        {"src": "data:text/html,<script>"},
        {"src": "http://example.org/x.png"},
        {"style": "color:red"},
        {"onclick": "alert(1)"},
        {"a b": "x"},
    ],
)
def test_what_would_run_or_load_is_refused(attributes):
    with pytest.raises(ValueError, match="Received"):
        tag("a", **attributes)


def test_an_element_has_a_name():
    with pytest.raises(ValueError, match="Received"):
        tag("b><script")


def test_the_policy_names_every_style_and_script_by_its_digest():
    content = page.document("x", scripts=["let a = 1;"], styles=["p{}"])
    check_page(content)
    found = re.findall(r"<(style|script)>(.*?)</\1>", content, re.DOTALL)
    assert [kind for kind, _ in found] == ["style"] * 2 + ["script"] * 2
    assert "let a = 1;" in content
    for _, text in found:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
        assert f"&#x27;sha256-{digest.decode()}&#x27;" in content


def test_more_can_be_allowed_by_name():
    content = page.document("x", allow={"connect-src": "'self'"})
    (policy,) = [
        x["content"] for x in Elements(content).find("meta") if "content" in x
    ][:1]
    assert "connect-src 'self'" in policy


def test_a_script_cannot_end_its_element():
    with pytest.raises(ValueError, match="holds </"):
        page.document("x", scripts=["'</script>'"])


def test_every_page_says_what_it_is_not():
    assert "not a medical device" in Elements(page.document("x")).text


def test_a_path_breaks_at_its_separators():
    path = page.breakable("a/<b>_c.png")
    assert path == "a/<wbr>&lt;b&gt;_<wbr>c.png"
