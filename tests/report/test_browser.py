import functools
import http.server
import threading

import pytest

from tests import browser


def test_a_page_runs_and_its_errors_are_collected(tmp_path, chromium):
    (tmp_path / "page.html").write_text(
        "<title>t</title><h1>Score</h1>"
        "<script>console.error('wrong'); missing()</script>"
    )
    page = chromium.open((tmp_path / "page.html").as_uri(), width=400)
    assert page.inner_text("h1") == "Score"
    assert page.evaluate("innerWidth") == 400
    assert chromium.errors[0] == "wrong"
    assert "missing is not defined" in chromium.errors[1]


def test_a_page_reaches_no_other_machine(tmp_path, chromium):
    (tmp_path / "page.html").write_text(
        "<img src='http://192.0.2.1/a.png'><img src='http://example.org/b.png'>"
    )
    chromium.open((tmp_path / "page.html").as_uri())
    failed = {error for error in chromium.errors if error[:7] == "failed:"}
    assert failed == {
        "failed: http://192.0.2.1/a.png",
        "failed: http://example.org/b.png",
    }


def test_what_is_wider_than_the_window_is_seen(tmp_path, chromium):
    for width, fits in ((300, True), (900, False)):
        (tmp_path / "page.html").write_text(f"<p style='width:{width}px'>.")
        page = chromium.open((tmp_path / "page.html").as_uri(), width=400)
        assert browser.without_overflow(page) == fits
    assert chromium.errors == []


def test_without_a_browser_the_test_is_skipped(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(pytest.skip.Exception, match="no browser here"),
        browser.running_browser(),
    ):
        pass


def test_a_server_of_this_machine_is_reached(tmp_path, chromium):
    (tmp_path / "page.html").write_text("<p>here")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=tmp_path
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("127.0.0.1", "localhost"):
            address = f"http://{name}:{server.server_port}/page.html"
            assert chromium.open(address).inner_text("p") == "here"
        server.shutdown()
