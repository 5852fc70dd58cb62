"""The local page in a real browser."""

import threading

import numpy as np
import pytest

from g2npan_tf.images.read import Frame
from g2npan_tf.scoring.page import upload
from g2npan_tf.scoring.page.server import MAX_REQUESTS
from tests import page_server
from tests.browser import without_overflow
from tests.page_server import grey_png
from tests.pictures import shades


@pytest.fixture(scope="module")
def server():
    with page_server.running() as running:
        yield running


@pytest.fixture
def page(server, chromium):
    yield chromium.open(server.url)
    assert chromium.errors == []


def choose(page, **values):
    """Chooses files of a grey each (or of these bytes) and waits."""
    files = [
        {"name": name, "mimeType": "", "buffer": value}
        if isinstance(value, bytes)
        else {"name": name, "mimeType": "", "buffer": grey_png(value)}
        for name, value in values.items()
    ]
    page.set_input_files("#files", files)
    wait(page)


def wait(page):
    """Waits for the end of scoring."""
    page.get_by_role("status").filter(has_text="scored").wait_for()


def names(page):
    """What the rows of the newest ranking are called, from the top."""
    table = page.get_by_role("table").first
    return [
        row.split("\n")[0] for row in table.locator("td.text").all_inner_texts()
    ]


def drop(page, *paths):
    """Drags files over the page and lets them fall, as the system would."""
    client = page.context.new_cdp_session(page)
    data = {
        "items": [],
        "files": list(map(str, paths)),
        "dragOperationsMask": 1,
    }
    for kind in ("dragEnter", "dragOver", "drop"):
        client.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": 200, "y": 200, "data": data},
        )


def clip(page):
    """The share of the width at which the reference begins, in percent."""
    return page.locator("#reference").evaluate("e => e.style.clipPath")


def test_a_chosen_image_is_scored_and_shown(page):
    choose(page, grey=51)
    assert page.inner_text("#status") == (
        "1 image scored; best: grey with MOS 1.80"
    )
    assert page.inner_text("#mos") == "1.80 of 5"
    assert page.inner_text("#quality") == "0.200 (0 to 1)"
    assert page.inner_text("#notes") == "32 x 16 squeezed to a square"
    assert page.locator("#meter").evaluate("e => [e.min, e.value, e.max]") == [
        1,
        pytest.approx(1.8, abs=1e-5),
        5,
    ]
    box = page.locator("#stage").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(2, rel=0.02)


def test_every_drop_is_ranked_best_first(page, tmp_path):
    values = {"a.png": 90, "b.png": 200, "c.png": 30}
    for name, value in values.items():
        (tmp_path / name).write_bytes(grey_png(value))
    drop(page, *(tmp_path / name for name in values))
    wait(page)
    assert names(page) == ["b.png", "a.png", "c.png"]
    ranks = page.locator("tbody tr td:first-child").all_inner_texts()
    assert ranks == ["1", "2", "3"]
    assert page.inner_text("#view-title") == "b.png"
    choose(page, second=99)
    page.get_by_role("heading", name="Ranking 2: 1 file").wait_for()
    assert names(page) == ["second"]
    assert page.get_by_role("table").count() == 2


def test_a_damaged_file_has_its_row_and_stops_no_other(page):
    choose(page, good=90, bad=b"\x89PNG", large=bytes(200_001))
    assert names(page) == ["good", "bad", "large"]
    rows = page.locator("td.text").all_inner_texts()
    assert "not a readable" in rows[1]
    assert "expected at most 200000" in rows[2]
    assert "1 image scored, 2 failed" in page.inner_text("#status")


def test_a_busy_server_is_asked_again(server, page, chromium):
    # As by the tabs of five windows at once.
    for _ in range(MAX_REQUESTS):
        server.slots.acquire()
    threading.Timer(1, server.slots.release, [MAX_REQUESTS]).start()
    choose(page, **{"a.png": 51})
    page.get_by_role("status").filter(has_text="1 image scored").wait_for()
    assert names(page) == ["a.png"]
    assert chromium.errors
    assert all("503" in error for error in chromium.errors)
    chromium.errors.clear()


def test_the_slider_moves_the_edge_of_the_reference(page):
    choose(page, grey=51)
    assert "50%" in clip(page)
    page.get_by_label("Fused image or reference").fill("20")
    assert "20%" in clip(page)
    assert page.locator("#divider").evaluate("e => e.style.left") == "20%"
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 9)
    page.mouse.up()
    assert "70%" in clip(page)


def test_fused_image_and_reference_stand_on_their_sides(page):
    choose(page, grey=51)
    page.locator("#divider, .tab").evaluate_all(
        "all => all.forEach((each) => { each.hidden = true; })"
    )
    shot = page_server.decoded(page.locator("#stage").screenshot())
    middle = shot[shot.shape[0] // 2]
    # Within the middle bar of `shades`.
    left, right = (int(x * shot.shape[1]) for x in (0.45, 0.55))
    assert abs(int(middle[left, 0]) - 51) <= 2
    assert abs(int(middle[right, 0]) - 204) <= 2


def test_an_overlay_is_chosen_and_its_strength_set(page):
    choose(page, grey=51)
    overlay = page.locator("#overlay")
    assert overlay.is_hidden()
    page.get_by_label("Overlay", exact=True).select_option("cam")
    assert overlay.is_visible()
    assert page.locator("#bar-cam").is_visible()
    assert page.locator("#bar-nuance").is_hidden()
    page.get_by_label("Overlay strength").fill("25")
    assert overlay.evaluate("e => e.style.opacity") == "0.25"
    page.get_by_label("Overlay", exact=True).select_option("nuance")
    # The darkest bar of `shades`: 216 of 255 less 39.
    assert page.inner_text("#nuance-high") == "0.69"
    page.get_by_label("Overlay", exact=True).select_option("")
    assert overlay.is_hidden()


def test_the_keyboard_is_enough(page):
    choose(page, bright=200, dark=20)
    page.get_by_role("button", name="dark").focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#view-title") == "dark"
    assert page.locator("[aria-current]").inner_text() == "dark"
    page.get_by_label("Fused image or reference").focus()
    page.keyboard.press("ArrowRight")
    assert "51%" in clip(page)
    page.locator("#files").focus()
    outline = page.locator("#drop").evaluate("e => getComputedStyle(e).outline")
    assert "solid" in outline


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 600, 1280])
def test_names_are_text_and_no_window_is_too_narrow(
    server, chromium, width, scheme
):
    page = chromium.open(server.url, width=width, color_scheme=scheme)
    name = "<img src=x onerror=alert(1)>\u202egnp" + "a_name" * 30
    choose(page, **{name: 51, "notes.txt": b"none"})
    assert page.inner_text("#view-title") == name.replace("\u202e", "\ufffd")
    page.select_option("#choice", "nuance")
    assert without_overflow(page)
    assert chromium.errors == []


def test_a_model_without_a_generator_has_no_slider(chromium):
    with page_server.running(page_server.without_gan) as server:
        page = chromium.open(server.url)
        choose(page, grey=51)
        assert page.locator("#compare").is_hidden()
        assert "generates no reference" in page.inner_text("#caption")
        options = page.locator("#choice option:not([disabled])")
        assert options.all_inner_texts() == ["none", "local quality (CAM)"]
    assert chromium.errors == []


def test_images_without_pictures_are_ranked_too(server, page, monkeypatch):
    frames = [
        Frame(f"#{n}", np.array(shades(n).convert("RGB"))) for n in (19, 99)
    ]
    monkeypatch.setattr(upload, "decode_frames", lambda *_: iter(frames))
    monkeypatch.setattr(upload, "MAX_PICTURED", 1)
    choose(page, stack=b"")
    rows = page.locator("td.text").all_inner_texts()
    assert rows[0].startswith("stack#99\nno pictures")
    assert rows[1] == "stack#19"
    assert page.inner_text("#view-title") == "stack#19"
    assert "best: stack#99" in page.inner_text("#status")


def test_a_server_that_has_ended_is_said_in_the_row(chromium):
    with page_server.running() as server:
        page = chromium.open(server.url)
    choose(page, grey=51)
    assert "g2npan-score has ended" in page.locator("td.text").inner_text()
