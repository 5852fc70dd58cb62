"""What every page of ours must be, checked with Python's own parser."""

import html.parser
import re

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Elements(html.parser.HTMLParser):
    """Collects elements and texts, and refuses tags that do not match."""

    def __init__(self, content):
        super().__init__()
        self.open = []
        self.tags = []
        self.texts = []
        self.feed(content)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"twice the same in {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"closed but not open: {tag}"
        assert self.open.pop() == tag

    def handle_data(self, data):
        # Styles and scripts are no text of the page.
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    def find(self, tag):
        """Attributes of all elements of a name."""
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self):
        return "".join(self.texts)


def check_page(content):
    """Checks that a document is whole, closed and loads nothing."""
    page = Elements(content)
    assert content.startswith("<!doctype html>")
    (policy,) = [
        attrs["content"] for attrs in page.find("meta") if "http-equiv" in attrs
    ]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    for tag, attrs in page.tags:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        if {"src", "srcset"} & set(attrs) or tag in ("image", "link"):
            address = attrs.get("src") or attrs.get("srcset") or attrs["href"]
            assert address.startswith("data:"), address[:80]
        if tag == "img":
            assert "alt" in attrs
        if tag == "svg":
            assert attrs["role"] == "img"
    for name in ("iframe", "object", "embed", "form", "base"):
        assert not page.find(name)
    assert not re.search(r"@import|url\(", content)
    return page
