"""Take the pictures of the page: a real browser, the demo CT. `python docs/images/take.py [URL] [NAME...]`.

URL: of a page that runs already; default: the page is served here, with the embedded model. NAME: only these pictures.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from eval.served import CHAT, served

HERE = Path(__file__).parent
QUESTIONS = ("How big is the liver?", "longest diameter of the left kidney", "and the right one?")
MINUTE = 60_000
expect.set_options(timeout=2 * MINUTE)
LARGEST = 150_000
"""Bytes of a picture."""
FLAGS = [
    *("--no-sandbox", "--disable-background-networking"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]


def start(page: Page) -> None:
    """Nothing is open."""


def answer(page: Page) -> None:
    """Three questions, with overlay, box and line."""
    page.get_by_role("button", name="Open the demo CT").click()
    expect(page.locator("#viewer img")).to_be_visible(timeout=5 * MINUTE)
    for question in QUESTIONS:
        field = page.get_by_role("textbox", name="Your question")
        field.fill(question)
        field.press("Enter")
        expect(page.locator("#chat .user-row").last).to_contain_text(question)
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=5 * MINUTE)


def chips(page: Page) -> None:
    """A chip was clicked: the first answer's finding is on show."""
    page.locator("#chat .chip.finding").first.click()
    expect(page.locator("#findings tr[aria-current]")).to_contain_text("liver")
    page.wait_for_timeout(2000)
    page.locator("#plane label", has_text="Coronal").click()
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("^Coronal"))


def space(page: Page) -> None:
    """Three planes and 3D."""
    page.locator("#plane label", has_text="3D").click()
    expect(page.locator("#space .space[data-ready]")).to_have_count(1, timeout=5 * MINUTE)
    page.wait_for_timeout(20_000)


def error(page: Page) -> None:
    """A file that is no CT."""
    with tempfile.TemporaryDirectory() as folder:
        letter = Path(folder) / "letter.nii.gz"
        letter.write_text("this is no image")
        page.locator("input[type=file]").first.set_input_files(str(letter))
        expect(page.get_by_role("alert")).to_be_visible(timeout=MINUTE)


STATES: dict[str, list[tuple[str, Callable[[Page], None]]]] = {
    "dark": [("start", start), ("page", answer), ("chips", chips), ("space", space)],
    "light": [("start_light", start), ("error_light", error), ("page_light", answer)],
}
"""What is done one after the other on one page, and the picture that is taken after each."""


def take(browser: Browser, url: str, scheme: str, wanted: list[str]) -> None:
    """Go through the states of one colour scheme, and keep those that are wanted."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    page.get_by_role("textbox", name="Your question").wait_for(timeout=MINUTE)
    for name, act in STATES[scheme]:
        act(page)
        page.wait_for_timeout(1500)
        if not wanted or name in wanted:
            keep(page.screenshot(timeout=5 * MINUTE), HERE / f"{name}.png")
    page.close()


def keep(shot: bytes, path: Path) -> None:
    """As a palette picture, with as many colours as the size allows."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    for colours in (256, 128, 64, 32):
        image.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            return


def main() -> None:
    given = sys.argv[1:]
    running = nullcontext((given.pop(0), 0)) if given and given[0].startswith("http") else served(*CHAT)
    with running as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for scheme, states in STATES.items():
            if not given or any(name in given for name, _ in states):
                take(browser, url, scheme, given)
        browser.close()


if __name__ == "__main__":
    main()
