"""The page for everybody: checked by axe in light and dark, walked through with the keyboard alone."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from .test_page import ask, open_phantom

if TYPE_CHECKING:
    from .conftest import Served

pytestmark = pytest.mark.browser
BAD = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def coloured(request: pytest.FixtureRequest, served: Served, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=request.param)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(served.url)
    page.get_by_role("textbox", name="Your question").wait_for()
    yield page
    context.close()


def complaints(page: Page) -> list[str]:
    """What axe finds serious or critical, each with the first element that it is about."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']}: {n['html'][:200]} {n['failureSummary'][:300]}"
        for v in found
        if v["impact"] in BAD
        for n in v["nodes"]
    ]


def test_axe_finds_nothing_serious(coloured: Page, served: Served):
    assert complaints(coloured) == []
    open_phantom(coloured, served)
    ask(coloured, "longest diameter of the liver")
    ask(coloured, "How big is the gallbladder?")
    assert complaints(coloured) == []


def press_until(page: Page, selector: str, key: str = "Tab", most: int = 60) -> None:
    """Press a key until the focus is on, or in, an element."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("s => !!document.activeElement.closest(s)", selector):
            return
    pytest.fail(f"{key} never reached {selector}")


def test_a_walk_with_the_keyboard_alone(page: Page, served: Served):
    page.on("filechooser", lambda chooser: chooser.set_files(str(served.folder / "phantom.nii.gz")))
    page.locator("body").press("Tab")
    press_until(page, "#open")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer img")).to_be_visible()

    press_until(page, "#question textarea")
    page.keyboard.type("How big is the liver?")
    page.keyboard.press("Enter")
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)
    expect(page.locator("#chat .chip").first).to_be_visible()
    expect(page.locator("#progress progress")).to_have_count(0)
    at_liver = page.locator("#slice input[type=number]").input_value()

    press_until(page, "#plane input[value=coronal]")  # each choice is a stop of its own
    page.keyboard.press("Space")
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("^Coronal"))
    press_until(page, "#plane input[value=axial]", "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("^Axial"))

    press_until(page, "#viewer .screen")
    page.keyboard.press("PageDown")
    expect(page.locator("#slice input[type=number]")).not_to_have_value(at_liver)

    press_until(page, "#findings tr")
    page.keyboard.press("Enter")
    expect(page.locator("#slice input[type=number]")).to_have_value(at_liver)

    press_until(page, "#viewer .screen", "Shift+Tab")
    page.keyboard.press("PageDown")
    expect(page.locator("#slice input[type=number]")).not_to_have_value(at_liver)
    press_until(page, "#chat .chip.finding", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#slice input[type=number]")).to_have_value(at_liver)

    press_until(page, "#take a", "Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "bodymaps.zip"


def test_focus_can_be_seen(page: Page):
    press_until(page, "#demo")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"


def test_download_holds_what_the_page_shows(page: Page, served: Served):
    expect(page.locator("#take [aria-disabled]")).to_be_visible()
    open_phantom(page, served)
    expect(page.locator("#take [aria-disabled]")).to_be_visible()
    ask(page, "volume and longest diameter of the liver")
    ask(page, "segment both kidneys")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    record = json.loads(files["findings.json"])
    assert {f["structure"] for f in record["findings"]} == {"liver", "kidney_left", "kidney_right"}
    liver = next(f for f in record["findings"] if f["structure"] == "liver")
    volume = next(m["value"] for m in liver["measurements"] if m["kind"] == "volume")
    mask = nib.nifti1.Nifti1Image.from_bytes(gzip.decompress(files[liver["mask"]]))
    assert np.count_nonzero(mask.dataobj) * 16 / 1000 == pytest.approx(volume, abs=0.01)
    assert f"{volume:,.0f} ml" in page.locator("#findings").inner_text()
    source = nib.nifti1.load(served.folder / "phantom.nii.gz")
    assert np.allclose(mask.affine, source.affine)
    assert files["report.pdf"].startswith(b"%PDF")
    assert any(name.startswith("pictures/") for name in files)
    for name, data in files.items():
        assert b"phantom.nii" not in data, name
        assert str(served.folder).encode() not in data, name


def test_another_browser_has_no_part_in_it(open_page: Callable[[], Page], served: Served):
    one, two = open_page(), open_page()
    open_phantom(one, served)
    ask(one, "How big is the liver?")
    address = one.get_by_role("link", name="Download").get_attribute("href")
    expect(two.locator("#take a")).to_have_count(0)
    assert one.request.get(f"{served.url}{address}").status == 200
    one.close()
    two.wait_for_timeout(2000)
    assert two.request.get(f"{served.url}{address}").status == 404
