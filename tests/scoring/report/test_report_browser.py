import pytest

from tests.browser import without_overflow
from tests.score_reports import save_images
from tests.score_reports import write_report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Twelve images with long names, and one without a score."""
    directory = tmp_path_factory.mktemp("report")
    names = ("convolutional_sparse_representation", "pca", "wavelet")
    paths = save_images(directory / "images", names, 4)
    paths.append(directory / "missing.png")
    write_report(directory / "report", paths)
    return directory / "report"


PAGES = ("index.html", "images/00002.html")
IMAGES_LOADED = (
    "[...document.images].map(i => i.complete && i.naturalWidth > 0)"
)
COLUMN = (
    "(n) => [...document.querySelectorAll('table')].at(-1).tBodies[0].rows"
    ".length && [...[...document.querySelectorAll('table')].at(-1)"
    ".tBodies[0].rows].map(r => r.cells[n].textContent)"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_show_all_pictures(chromium, report, name, width, scheme):
    url = (report / name).as_uri()
    page = chromium.open(url, width=width, color_scheme=scheme)
    assert chromium.errors == []
    assert without_overflow(page)
    loaded = page.evaluate(IMAGES_LOADED)
    assert loaded == [True] * (12 + 2 if name == "index.html" else 4)
    dark = (
        page.evaluate("getComputedStyle(document.body).backgroundColor")
        == "rgb(20, 23, 26)"
    )
    assert dark == (scheme == "dark")


def test_a_click_or_a_key_on_a_heading_sorts(chromium, report):
    page = chromium.open((report / "index.html").as_uri())
    before = page.evaluate(COLUMN, 2)
    page.get_by_role("button", name="MOS", exact=True).last.click()
    down = list(map(float, page.evaluate(COLUMN, 2)))
    assert down == sorted(map(float, before), reverse=True)
    assert list(map(float, before)) != down
    page.get_by_role("button", name="MOS", exact=True).last.click()
    assert list(map(float, page.evaluate(COLUMN, 2))) == down[::-1]
    heads = page.locator("th[aria-sort]")
    assert heads.count() == 1
    assert heads.get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="Image", exact=True).last.focus()
    page.keyboard.press("Enter")
    names = page.evaluate(COLUMN, 1)
    assert names == sorted(names)
    page.locator("td a").first.click()
    page.get_by_role("link", name="All images").click()
    page.wait_for_url("**/index.html")
    assert chromium.errors == []


def test_long_tables_can_be_searched(chromium, tmp_path):
    paths = save_images(tmp_path / "images", ("pca", "wavelet"), 16)
    write_report(tmp_path / "report", paths)
    page = chromium.open((tmp_path / "report" / "index.html").as_uri())
    shown = page.locator("tbody tr:visible")
    assert shown.count() == 2 + 32
    field = page.get_by_label("Only rows containing")
    field.fill("PAIR_16/pca")
    assert shown.count() == 2 + 1
    field.fill("<none>")
    assert shown.count() == 2
    field.fill("")
    assert shown.count() == 2 + 32


def test_without_scripts_the_tables_are_there(chromium, report):
    page = chromium.open(
        (report / "index.html").as_uri(), java_script_enabled=False
    )
    assert page.locator("th button").count() == 0
    assert page.locator("tbody tr").count() == 12 + 3 + 1


def test_an_injected_script_does_not_run(chromium, report, tmp_path):
    content = (report / "index.html").read_text(encoding="utf-8")
    injected = tmp_path / "injected.html"
    script = "<script>document.title = 'taken'</script></main>"
    injected.write_text(content.replace("</main>", script), encoding="utf-8")
    page = chromium.open(injected.as_uri())
    assert page.title() != "taken"
    assert any("Content Security Policy" in x for x in chromium.errors)
