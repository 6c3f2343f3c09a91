"""A reader corrects a mask with the pointer and with the keyboard, in a real browser."""

from __future__ import annotations

import json
import re
import time
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from .test_page import ask, open_phantom, picture

if TYPE_CHECKING:
    from .conftest import Served

pytestmark = pytest.mark.browser


def mean(page: Page, mark: str) -> None:
    """Choose what a click means, and wait until the picture knows."""
    page.locator("#mark").get_by_text(mark, exact=True).click()
    value = {"Inside": "include", "Outside": "exclude"}.get(mark, mark.lower())
    expect(page.locator(".screen")).to_have_attribute("data-mark", value)


def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    """Window coordinates of a place on the picture, given in fractions of it."""
    left, top, width, height = page.evaluate("""() => {
        const image = document.querySelector("#viewer img"), box = image.getBoundingClientRect();
        const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
        const [w, h] = [image.naturalWidth * scale, image.naturalHeight * scale];
        return [box.left + (box.width - w) / 2, box.top + (box.height - h) / 2, w, h];
    }""")
    return left + x * width, top + y * height


def volume(page: Page) -> float:
    """The liver's volume in ml, as the table says it."""
    row = page.locator("#findings tr", has_text="liver").inner_text()
    return float(re.findall(r"volume (\d+) ml", row)[0])


def redness(page: Page) -> int:
    """Pixels with colour: the overlay."""
    return int((np.ptp(picture(page).astype(int), axis=-1) > 30).sum())


IN_LIVER = 0.5 - 60 / 320, 0.5 - 10 / 224
"""Where the phantom's liver has its middle: the patient's right is on the left of the picture."""


@pytest.fixture
def liver(page: Page, served: Served) -> Page:
    """The page with the phantom's liver on show."""
    open_phantom(page, served)
    ask(page, "How big is the liver?")
    return page


def said(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#notices [role=status]")).to_contain_text(text)


def test_erase_undo_redo_and_later_answers_use_the_mended_mask(liver: Page):
    before, coloured = volume(liver), redness(liver)
    expect(liver.get_by_role("button", name="Undo", exact=True)).to_be_disabled()
    mean(liver, "Erase")
    x, y = spot(liver, *IN_LIVER)
    liver.mouse.move(x - 20, y)
    liver.mouse.down()
    liver.mouse.move(x + 20, y, steps=8)
    expect(liver.locator(".screen svg polyline")).to_have_count(1)
    started = time.perf_counter()
    liver.mouse.up()
    said(liver, "Liver: mended by a brush of 5 mm")
    assert time.perf_counter() - started < 5  # a machine that does more at the same time is slow
    mended = volume(liver)
    assert mended < before
    assert redness(liver) < coloured
    line = f"Corrected liver: 1 stroke, {before:.0f} ml → {mended:.0f} ml"
    expect(liver.locator("#chat")).to_contain_text(line)
    ask(liver, "How big is it?")
    assert volume(liver) == mended
    expect(
        liver.get_by_role("button", name="Undo", exact=True)
    ).to_be_disabled()  # the last step was a question
    ask(liver, "undo")
    liver.get_by_role("button", name="Undo", exact=True).click()
    said(liver, "undone")
    expect(liver.locator("#chat .message-row").last).to_contain_text("Taken back: mend the mask of the liver")
    assert volume(liver) == before
    whole = redness(liver)
    liver.get_by_role("button", name="Redo", exact=True).click()
    said(liver, "made again")
    assert volume(liver) == mended
    assert redness(liver) < whole
    expect(liver.locator("#chat").get_by_text(line)).to_have_count(2)


def test_a_click_outside_and_a_shift_click_take_away_and_add(liver: Page):
    before = volume(liver)
    mean(liver, "Paint")
    x, y = spot(liver, IN_LIVER[0] + 0.28, IN_LIVER[1])  # in the fat between the organs
    liver.mouse.click(x, y)
    said(liver, "mended by a brush")
    painted = volume(liver)
    assert painted > before
    mean(liver, "Inside")
    liver.keyboard.down("Shift")
    liver.mouse.click(x, y)
    liver.keyboard.up("Shift")
    said(liver, "mended by 1 point outside")
    assert volume(liver) < painted


def test_a_box_leaves_only_what_is_in_it(liver: Page):
    before = volume(liver)
    mean(liver, "Box")
    liver.mouse.move(*spot(liver, IN_LIVER[0] - 0.25, IN_LIVER[1] - 0.4))
    liver.mouse.down()
    liver.mouse.move(*spot(liver, IN_LIVER[0], IN_LIVER[1] + 0.4), steps=4)
    expect(liver.locator(".screen svg rect")).to_have_count(1)
    liver.mouse.up()
    said(liver, "mended by a box")
    assert 0.3 * before < volume(liver) < 0.7 * before


def test_by_keyboard_alone_and_annotation(liver: Page):
    expect(liver.locator("#annotation a")).to_have_count(0)
    before = volume(liver)
    liver.get_by_role("radio", name="Look").focus()
    for _ in range(5):  # each choice is a stop of its own
        liver.keyboard.press("Tab")
    liver.keyboard.press("Space")
    said(liver, "Drag to erase")
    screen = liver.locator("#viewer .screen")
    screen.focus()
    for _ in range(9):
        screen.press("ArrowLeft")
    expect(liver.locator(".screen svg path")).to_have_count(1)
    screen.press("Enter")
    said(liver, re.compile("mended by a brush of 5 mm, 692 ml before"))
    screen.press("ArrowRight")
    screen.press("ArrowRight")
    screen.press("Enter")  # a ball of the brush has half a millilitre
    expect(liver.locator("#findings tr", has_text="liver")).to_contain_text("volume 691 ml")
    expect(liver.locator("#chat")).to_contain_text("Corrected liver: 2 strokes, 692 ml → 691 ml")
    undo = liver.get_by_role("button", name="Undo", exact=True)
    expect(undo).to_be_enabled()
    link = liver.locator("#annotation a")
    with liver.expect_download() as download:
        link.press("Enter")
    archive = zipfile.ZipFile(download.value.path())
    assert {"annotation/labels.nii.gz", "annotation/labels.json", "annotation/annotation.json"} == set(
        archive.namelist()
    )
    note = json.loads(archive.read("annotation/annotation.json"))
    assert note["segmenter"] == "phantom"
    assert note["hints"][0]["targets"] == ["liver"]
    undo.press("Enter")
    expect(liver.locator("#findings tr", has_text="liver")).to_contain_text("volume 692 ml")
    undo.press("Enter")
    expect(undo).to_be_disabled()
    expect(liver.locator("#chat")).not_to_contain_text("Corrected")
    assert volume(liver) == before
    expect(link).to_have_count(0)


def test_nobody_else_gets_an_annotation(liver: Page):
    address = liver.url + "annotation/0123456789abcdef0123456789abcdef.zip"
    assert liver.request.get(address).status == 404


def test_marks_without_a_mask_say_what_to_do(page: Page, served: Served):
    open_phantom(page, served)
    mean(page, "Inside")
    page.mouse.click(*spot(page, 0.5, 0.5))
    expect(page.get_by_role("alert")).to_contain_text("no mask to correct yet")


def test_prior_is_shown_beside_the_study(page: Page, served: Served):
    open_phantom(page, served)
    page.locator("input[type=file]").nth(1).set_input_files(str(served.folder / "other.nii.gz"))
    expect(page.locator("#facts")).to_contain_text("prior: other.nii.gz")
    expect(page.locator("#facts")).to_contain_text("100 × 72 × 50 voxels")
    expect(page.locator("#facts")).to_contain_text("160 × 112 × 60 voxels")
