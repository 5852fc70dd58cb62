"""The browser of the tests sees what goes wrong and reaches no one else."""

import pytest

from tests import browser


@pytest.mark.parametrize(("width", "fits"), [(300, True), (900, False)])
def test_errors_and_requests_to_other_machines_are_collected(
    tmp_path, chromium, width, fits
):
    (tmp_path / "page.html").write_text(
        f"<title>t</title><h1 style='width:{width}px'>Score</h1>"
        "<img src='http://192.0.2.1/a.png'><img src='http://example.org/b.png'>"
        "<script>console.error('wrong'); missing()</script>"
    )
    page = chromium.open((tmp_path / "page.html").as_uri(), width=400)
    assert page.inner_text("h1") == "Score"
    assert page.evaluate("innerWidth") == 400
    assert browser.without_overflow(page) == fits
    errors = "\n".join(chromium.errors)
    assert "wrong" in chromium.errors
    assert "missing is not defined" in errors
    assert "failed: http://192.0.2.1/a.png" in errors
    assert "failed: http://example.org/b.png" in errors


def test_without_a_browser_the_test_is_skipped(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(pytest.skip.Exception, match="no browser here"),
        browser.running_browser(),
    ):
        pass
