"""The page in a real browser."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from coldforge.report.report import make_report
from tests.e2e.test_clients import tool
from tests.report.browser import Browser, chromium
from tests.report.samples import everything

pytestmark = pytest.mark.network  # where it is missing, it is installed from the Debian archive
OVERFLOWING = """[...document.querySelectorAll("body *")].filter(item =>
  !item.closest(".scroll, nav, .hidden, .skip, .patterns, svg") &&
  item.getBoundingClientRect().right > innerWidth + 1)
  .map(item => item.tagName + "." + item.className).join()"""
CLASHING = """[...document.querySelectorAll("svg.chart")].flatMap(picture => {
  const boxes = [...picture.querySelectorAll("text")].map(item => [item.textContent,
    item.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], at) => boxes.slice(at + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4).map(([other]) =>
    one + " / " + other)); }).join("; ")"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tool("chromium"), tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return Path(make_report(everything(folder / "runs"), folder / "out").page)


def pixels(png: bytes) -> Counter[bytes]:
    """Count the colours of a picture: eight bits a channel, not interlaced (RFC 2083)."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, row = zlib.decompress(data), bytearray(width * size)
    found: Counter[bytes] = Counter()
    for y in range(height):
        line = raw[y * (width * size + 1) : (y + 1) * (width * size + 1)]
        row = unfiltered(line[0], line[1:], row, size)
        found.update(bytes(row[x : x + 3]) for x in range(0, len(row), size))
    return found


def unfiltered(how: int, line: bytes, above: bytearray, size: int) -> bytearray:
    row = bytearray(line)
    for x in range(len(row)):
        left = row[x - size] if x >= size else 0
        corner = above[x - size] if x >= size else 0
        up = above[x]
        if how == 4:
            guess = left + up - corner
            near = min((left, up, corner), key=lambda part: abs(guess - part))
            row[x] = (row[x] + near) & 255
        else:
            row[x] = (row[x] + (0, left, up, (left + up) // 2)[how]) & 255
    return row


def test_the_page_makes_no_request_and_logs_no_error(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    asked = [item["request"]["url"] for item in browser.events_of("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    for trouble in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
        assert browser.events_of(trouble) == []


@pytest.mark.parametrize(("dark", "ground"), [(False, b"\xf7\xf8\xf9"), (True, b"\x0e\x12\x16")])
def test_a_screenshot_has_the_background_of_the_colour_scheme(
    browser: Browser, page: Path, dark: bool, ground: bytes
) -> None:
    browser.open(page, 800, dark)
    clip = {"x": 0, "y": 0, "width": 800, "height": 500, "scale": 0.5}
    found = pixels(browser.data("Page.captureScreenshot", clip=clip))
    assert found.most_common(1)[0][0] == ground
    assert 0.3 < found[ground] / found.total() < 0.97
    assert len(found) > 50


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_the_page_fits_its_width_and_words_of_charts_do_not_overlap(
    browser: Browser, page: Path, width: int
) -> None:
    browser.open(page, width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(OVERFLOWING) == ""
    assert browser.value(CLASHING) == ""


def test_the_keyboard_reaches_commands_and_a_button_copies(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    assert browser.value("document.querySelectorAll('.command').length") > 3
    browser.value("document.querySelector('.command button').focus()")
    assert browser.value("document.activeElement.getAttribute('aria-label')").startswith("Copy: ")
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for kind in ("keyDown", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" ")
    wait = "new Promise(done => setTimeout(done, 300))"
    browser.ask("Runtime.evaluate", expression=wait, awaitPromise=True)
    assert browser.value("document.querySelector('.command button').textContent") == "Copied"


def test_every_part_has_a_role_and_a_name(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    roles = Counter(node["role"]["value"] for node in nodes if not node["ignored"])
    assert roles["banner"] == roles["main"] == roles["contentinfo"] == roles["navigation"] == 1
    assert roles["image"] == 9
    unnamed = [
        node["role"]["value"]
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in {"button", "image", "link", "region", "table"}
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_printing_unfolds_everything(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    printed = browser.data("Page.printToPDF", preferCSSPageSize=True)
    assert printed.startswith(b"%PDF-")
    browser.ask("Emulation.setEmulatedMedia", media="print")
    hidden = "getComputedStyle(document.querySelector('nav')).display"
    assert browser.value(hidden) == "none"
    tall = "document.querySelector('details:not([open]) table').getBoundingClientRect().height"
    assert browser.value(tall) > 50
    browser.ask("Emulation.setEmulatedMedia", media="")
