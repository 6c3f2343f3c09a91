"""What a reader does with the page, in a real browser."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from prompts.ontology import ontology

if TYPE_CHECKING:
    from .conftest import Served

pytestmark = pytest.mark.browser


def upload(page: Page, file: object) -> None:
    page.locator("input[type=file]").first.set_input_files(str(file))


def open_phantom(page: Page, served: Served, name: str = "phantom.nii.gz") -> None:
    upload(page, served.folder / name)
    expect(page.locator("#facts")).to_contain_text(name)
    expect(page.locator("#viewer img")).to_be_visible()


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the answer."""
    send(page, question)
    expect(page.locator("#chat .user-row").last).to_contain_text(question)
    expect(page.locator("#chat .message-row").last).to_have_class(re.compile("bot-row"))
    expect(page.locator("#progress progress")).to_have_count(0)


def send(page: Page, question: str) -> None:
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    field.press("Enter")


def picture(page: Page) -> np.ndarray:
    """The picture on show, (rows, columns, 3)."""
    source = page.locator("#viewer img").get_attribute("src")
    assert source is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def shown(page: Page) -> str:
    """What is on show, in words."""
    return page.locator("#viewer img").get_attribute("alt") or ""


def slice_number(page: Page) -> int:
    return int(page.locator("#slice input[type=number]").input_value())


def count(pixels: np.ndarray, structure: str) -> int:
    """Pixels in the very colour of a structure: its box, and nothing else at this opacity."""
    return int((pixels == ontology()[structure].colour).all(axis=-1).sum())


def test_three_questions_with_overlay_box_and_line(page: Page, served: Served):
    open_phantom(page, served)
    expect(page.locator("#facts")).to_contain_text("160 × 112 × 60 voxels")
    expect(page.locator("#facts")).to_contain_text("2.00 × 2.00 × 4.00 mm")
    plain = picture(page)

    ask(page, "How big is the liver?")
    expect(page.locator("#chat")).to_contain_text("I understood:")
    expect(page.locator("#chat")).to_contain_text(re.compile(r"Liver: .*volume 69\d ml"))
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)
    tinted = picture(page)
    assert count(plain, "liver") == 0
    assert count(tinted, "liver") > 500  # the box
    assert (np.ptp(tinted.astype(int), axis=-1) > 30).sum() > 20_000  # the overlay: colour on a grey picture
    assert "showing liver" in shown(page)

    ask(page, "and its longest diameter")
    yellow = (picture(page) == (255, 236, 90)).all(axis=-1).sum()
    assert yellow > 200
    assert int(re.findall(r"slice (\d+)", shown(page))[0]) == slice_number(page)

    ask(page, "segment both kidneys")
    expect(page.locator("#findings tr[data-row]")).to_have_count(3)
    assert re.search("left kidney|right kidney", shown(page))


def test_row_of_the_findings_goes_there(page: Page, served: Served):
    open_phantom(page, served)
    ask(page, "How big is the liver?")
    at_liver = slice_number(page)
    ask(page, "How big is the left kidney?")
    at_kidney = slice_number(page)
    assert at_kidney != at_liver
    page.locator("#findings tr", has_text="liver").click()
    expect(page.locator("#slice input[type=number]")).to_have_value(str(at_liver))
    expect(page.locator("#findings tr[aria-current]")).to_contain_text("liver")
    row = page.locator("#findings tr", has_text="left kidney")
    row.focus()
    row.press("Enter")
    expect(page.locator("#slice input[type=number]")).to_have_value(str(at_kidney))


def test_chip_under_an_answer_goes_there_by_mouse_and_by_keyboard(page: Page, served: Served):
    open_phantom(page, served)
    ask(page, "longest diameter and craniocaudal extent of the liver")
    ask(page, "How big is the left kidney?")
    assert "left kidney" in shown(page)
    at_kidney = slice_number(page)
    page.locator("#chat .chip", has_text="axial diameter").click()
    expect(page.locator("#findings tr[aria-current]")).to_contain_text("liver")
    assert slice_number(page) != at_kidney
    assert "showing liver" in shown(page)
    page.locator("#chat .chip", has_text="craniocaudal").click()
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("Coronal .*liver"))
    page.get_by_role("radio", name="Axial").check(force=True)
    chip = page.locator("#chat .chip.finding", has_text="left kidney")
    chip.focus()
    chip.press("Enter")
    expect(page.locator("#slice input[type=number]")).to_have_value(str(at_kidney))
    expect(page.locator("#findings tr[aria-current]")).to_contain_text("left kidney")


def test_looking_around(page: Page, served: Served):
    open_phantom(page, served)
    first = slice_number(page)
    page.locator("#viewer .screen").hover()
    page.mouse.wheel(0, 100)  # towards the feet: this file counts from the head down
    expect(page.locator("#slice input[type=number]")).to_have_value(str(first + 1))
    page.locator("#viewer .screen").press("PageUp")
    expect(page.locator("#slice input[type=number]")).to_have_value(str(first - 9))
    page.locator("#slice input[type=range]").fill("20")
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("Axial slice 20 of 59"))
    height, width, _ = picture(page).shape
    assert width / height == pytest.approx(320 / 224, rel=0.01)
    page.get_by_role("radio", name="Coronal").check(force=True)
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("Coronal slice 55 of 111"))
    height, width, _ = picture(page).shape
    assert width / height == pytest.approx(320 / 240, rel=0.01)
    soft = picture(page)
    page.get_by_label("Window").click()
    page.get_by_role("option", name="Bone").click()
    expect(page.locator("#viewer img")).to_have_attribute("alt", re.compile("bone window"))
    assert picture(page).mean() < soft.mean()


def test_boxes_and_overlay_can_be_taken_off(page: Page, served: Served):
    open_phantom(page, served)
    ask(page, "segment the liver")
    page.get_by_label("Boxes").uncheck()
    page.wait_for_function("document.querySelector('#viewer img') !== null")
    page.locator("#opacity input[type=range]").fill("0")
    page.wait_for_timeout(500)
    colourless = np.ptp(picture(page).astype(int), axis=-1) > 30
    assert colourless[80:-80, 80:-80].sum() == 0


def test_stop_ends_the_work_and_the_next_question_is_answered(page: Page, served: Served):
    open_phantom(page, served)
    send(page, "How big is the spleen?")
    expect(page.locator("#progress")).to_contain_text("looking for the spleen")
    expect(page.locator("#chat")).to_contain_text("I understood:")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#chat")).to_contain_text("Stopped.", timeout=3000)
    expect(page.locator("#findings tr[data-row]")).to_have_count(0)
    ask(page, "How big is the liver?")
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)


def test_bad_file_is_a_sentence_and_the_open_study_stays(page: Page, served: Served, tmp_path):
    open_phantom(page, served)
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("this is no image")
    upload(page, bad)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("bad.nii.gz cannot be opened")
    assert str(served.folder) not in alert.inner_text()
    expect(page.locator("#facts")).to_contain_text("phantom.nii.gz")
    expect(page.locator("#viewer img")).to_be_visible()


def test_question_without_a_study_says_what_to_do(page: Page):
    send(page, "How big is the liver?")
    expect(page.get_by_role("alert")).to_contain_text("Open a CT first")


def test_example_prompt_is_asked(page: Page, served: Served):
    open_phantom(page, served)
    page.get_by_role("button", name="How big is the liver?").click()
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)


def test_two_readers_never_see_each_others_study(open_page: Callable[[], Page], served: Served):
    one, two = open_page(), open_page()
    open_phantom(one, served, "phantom.nii.gz")
    expect(two.locator("#viewer")).to_contain_text("No study is open")
    open_phantom(two, served, "other.nii.gz")
    ask(one, "How big is the liver?")
    ask(two, "Segment the aorta")
    expect(one.locator("#facts")).to_contain_text("160 × 112 × 60")
    expect(two.locator("#facts")).to_contain_text("100 × 72 × 50")
    expect(one.locator("#findings")).to_contain_text("liver")
    expect(one.locator("#findings")).not_to_contain_text("aorta")
    expect(two.locator("#findings")).not_to_contain_text("liver")
    expect(two.locator("#chat")).not_to_contain_text("How big is the liver?")


def test_uploads_are_deleted_once_they_are_read(page: Page, served: Served):
    open_phantom(page, served)
    left = [file for file in served.folder.glob("bodymaps-*/**/*") if file.is_file() and file.stat().st_size]
    assert left == []


def test_page_says_research_use_once_and_fits_the_window(page: Page):
    assert page.locator("body").inner_text().lower().count("research use only") == 1
    assert page.evaluate("document.documentElement.scrollHeight <= 720")
    assert page.evaluate("document.documentElement.scrollWidth <= 1280")
