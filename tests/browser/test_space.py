"""NiiVue in a real browser, with WebGL drawn by the processor; and in one without WebGL2."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from .test_page import ask, open_phantom

if TYPE_CHECKING:
    from .conftest import Served

pytestmark = pytest.mark.browser
SLOW = 180_000
"""Milliseconds: a processor draws a volume slowly."""
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(params=[SOFTWARE_GL, ["--disable-gpu", "--disable-3d-apis"]], ids=["webgl2", "no webgl2"])
def page(request: pytest.FixtureRequest, served: Served, launch: Callable[..., Browser]) -> Iterator[Page]:
    """The page, in a browser with or without WebGL2."""
    browser = launch(*request.param)
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    outside: list[str] = []
    own = (served.url, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else outside.append(r.url))
    page.goto(served.url)
    page.get_by_role("textbox", name="Your question").wait_for()
    yield page
    browser.close()
    assert not outside


def canvas_pixels(page: Page) -> np.ndarray:
    return np.asarray(
        Image.open(io.BytesIO(page.locator("#space").screenshot(timeout=SLOW))).convert("RGB"), int
    )


def test_three_planes_and_3d_or_a_word_why_not(page: Page, served: Served, request: pytest.FixtureRequest):
    open_phantom(page, served)
    ask(page, "How big is the liver?")
    page.locator("#plane label", has_text="3D").click()
    if "no webgl2" in request.node.name:
        expect(page.locator("#space .where")).to_contain_text("no WebGL2")
        page.locator("#plane label", has_text="Coronal").click()
        expect(page.locator("#viewer img")).to_be_visible()
        return
    expect(page.locator("#space .space[data-ready]")).to_have_count(1, timeout=SLOW)
    expect(page.locator("#space .where")).to_contain_text("HU", timeout=SLOW)
    expect(page.locator("#viewer img")).to_have_count(0)
    pixels = canvas_pixels(page)
    grey = (np.ptp(pixels, axis=-1) < 6) & (pixels[..., 0] > 60)
    red = (pixels[..., 0] - pixels[..., 2] > 40) & (pixels[..., 0] > 110)
    assert grey.mean() > 0.05  # the CT
    assert red.mean() > 0.01  # the liver over it
    page.locator("#plane label", has_text="Axial").click()
    expect(page.locator("#viewer img")).to_be_visible()
    expect(page.locator("#space canvas")).to_have_count(0)
