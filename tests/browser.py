"""Real pages in the system's Chromium, cut off from every other machine.

Use the fixture `chromium` of conftest.py.
"""

import contextlib
import re
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    # Containers seldom allow the sandbox; pages are only our own.
    "--no-sandbox",
    "--host-resolver-rules="
    "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
# Everything but these is refused and then stands among the errors.
_ELSEWHERE = re.compile(
    r"^(?!https?://(127\.0\.0\.1|localhost|\[::1\])[:/]|file:|data:|blob:)"
)


class Chromium:
    """Opens pages and collects what goes wrong in them.

    `errors` are those of the consoles, uncaught exceptions and requests that
    failed, of all pages, in one line each.
    """

    def __init__(self, browser, stack):
        """Takes a Playwright browser and what closes its contexts."""
        self._browser = browser
        self._stack = stack
        self.errors = []

    def open(self, url, width=1280, height=800, **options):
        """Opens an address of this machine in a context of its own.

        Options are those of Playwright's `new_context`, as
        `color_scheme="dark"`; gives Playwright's page, loaded.
        """
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, **options
        )
        self._stack.callback(context.close)
        context.set_default_timeout(30_000)
        context.route(_ELSEWHERE, lambda route: route.abort())
        page = context.new_page()
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "requestfailed",
            lambda request: self.errors.append(f"failed: {request.url[:200]}"),
        )
        page.goto(url)
        return page

    def _note_message(self, message):
        """Keeps errors of the console."""
        if message.type == "error":
            self.errors.append(message.text)


@contextlib.contextmanager
def running_browser():
    """Starts the system's Chromium; skips the test where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip(f"no browser here ({', '.join(NAMES)})")
    reason = "the Python package playwright is not installed"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        with contextlib.closing(browser):
            yield browser


def without_overflow(page):
    """Whether nothing of a page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth <= window.innerWidth"
    )
