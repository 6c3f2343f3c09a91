"""`bodymaps eval page`: how long a reader of the web page waits, in a real browser.

Each run starts a page and a browser anew, opens the demo CT, asks, asks again about the same mask, and corrects it with
clicks. A stopwatch inside the browser goes from the reader's key or click to the frame that shows the result. The
same question put to `bodymaps ask`, from its start to its end, is what the first answer is compared with.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.errors import BodyMapsError
from eval.served import CHAT, served
from eval.tables import markdown

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUESTION = "How big is the liver?"
FOLLOW_UPS = ("What is its longest diameter?", "How dense is it?", "Where is it?")
CLICKS = 10
MORE_SECONDS = 3.0
"""The first answer may come so much later than that of `bodymaps ask`, whose time includes opening the CT."""
SOON_SECONDS = 1.0
"""A follow-up about a known mask and a correction take less."""
MINUTE = 60_000

FLAGS = ("--no-sandbox", "--disable-background-networking")
WATCH = """([event, ready]) => {
  const source = () => document.querySelector("#viewer img")?.getAttribute("src");
  window.measured = new Promise((resolve) => document.addEventListener(event, () => {
    const from = performance.now(), before = source();
    const answers = () => document.querySelectorAll("#chat .chips").length, had = answers();
    const done = {
      picture: () => source() && source() !== before,
      answer: () => answers() > had && !document.querySelector("#progress progress"),
    }[ready];
    const observer = new MutationObserver(async () => {
      if (!done()) return;
      observer.disconnect();
      await document.querySelector("#viewer img").decode();
      requestAnimationFrame(() => resolve((performance.now() - from) / 1000));
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true });
  }, { once: true, capture: true }));
}"""
"""A stopwatch that starts with the next event of a kind, and stops with the frame after a result is there."""


def measure_page(runs: int) -> dict[str, Any]:
    """Seconds of `bodymaps ask` and of each thing a reader does: a list for each, over all runs.

    Raises BodyMapsError when there is no playwright or Chromium.
    """
    from assistant.demo import demo_study

    study = demo_study()
    seconds: dict[str, list[float]] = {
        name: [] for name in ("ask", "open", "answer", "follow_up", "correction")
    }
    for _ in range(runs):
        seconds["ask"].append(_ask(study))
        with served(*CHAT) as (url, _):
            _read(url, seconds)
    return {"seconds": seconds, "runs": runs, "question": QUESTION, "cpus": os.cpu_count()}


def first_answers(result: dict[str, Any]) -> list[float]:
    """Seconds from "Open the demo CT" to the first answer, of each run."""
    seconds = result["seconds"]
    return [a + b for a, b in zip(seconds["open"], seconds["answer"], strict=True)]


def passed(result: dict[str, Any]) -> bool:
    """The first answer is soon enough in the median, follow-ups and corrections at their slowest."""
    seconds = result["seconds"]
    first = float(np.median(first_answers(result)) - np.median(seconds["ask"]))
    return first <= MORE_SECONDS and max(*seconds["follow_up"], *seconds["correction"]) < SOON_SECONDS


def table(result: dict[str, Any]) -> str:
    """The result for the terminal."""
    seconds = result["seconds"]
    lines = {
        "bodymaps ask, whole command": seconds["ask"],
        "page: open the demo CT": seconds["open"],
        "page: first answer": seconds["answer"],
        "page: both": first_answers(result),
        "page: follow-up about a known mask": seconds["follow_up"],
        "page: correction by a click": seconds["correction"],
    }
    rows = [[name, len(s), float(np.median(s)), max(s)] for name, s in lines.items()]
    return markdown(["what", "times", "median s", "slowest s"], rows)


def _ask(study: Path) -> float:
    """Seconds of `bodymaps ask`, from the start of the process to its end."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "assistant.cli", "ask", str(study), QUESTION], stdout=subprocess.DEVNULL
    )
    if done.returncode:
        raise BodyMapsError("`bodymaps ask` failed: see its messages above")
    return time.perf_counter() - started


def _read(url: str, seconds: dict[str, list[float]]) -> None:
    """What a reader does with one page; the seconds are appended."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BodyMapsError("playwright is not installed: run python3 bootstrap.py --dev") from error
    chromium = shutil.which("chromium")
    if chromium is None:
        raise BodyMapsError("there is no Chromium: run .ci/system-packages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(5 * MINUTE)
        page.goto(url)
        page.get_by_role("textbox", name="Your question").wait_for()
        demo = page.get_by_role("button", name="Open the demo CT")
        seconds["open"].append(_timed(page, "click", "picture", demo.click))
        for name, question in (("answer", QUESTION), *(("follow_up", q) for q in FOLLOW_UPS)):
            seconds[name].append(_timed(page, "keydown", "answer", _asked(page, question)))
            page.wait_for_timeout(500)
        for number in range(CLICKS):
            mark = ("include", "exclude")[number % 2]
            page.locator(f"#mark input[value={mark}]").check(force=True)
            page.locator(f".screen[data-mark={mark}]").wait_for()
            at = _spot(page, mark, np.random.default_rng(number))
            seconds["correction"].append(_timed(page, "pointerup", "picture", partial(page.mouse.click, *at)))
            page.wait_for_timeout(500)
        browser.close()


def _timed(page: Page, event: str, ready: str, act: Callable[[], None]) -> float:
    page.evaluate(WATCH, [event, ready])
    act()
    return float(page.evaluate("window.measured"))


def _asked(page: Page, question: str) -> Callable[[], None]:
    """Types the question now; what it returns sends it."""
    field = page.get_by_role("textbox", name="Your question")
    field.fill(question)
    return lambda: field.press("Enter")


def _spot(page: Page, mark: str, rng: np.random.Generator) -> tuple[float, float]:
    """Where to click: on the mask to take away, beside it to add. Window coordinates."""
    from PIL import Image
    from scipy import ndimage

    source = page.locator("#viewer img").get_attribute("src") or ""
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB"), int)
    tinted = ndimage.binary_opening(np.ptp(picture, axis=-1) > 30, iterations=4)
    body = ndimage.binary_erosion(picture.mean(axis=-1) > 60, iterations=2)
    near = ndimage.binary_dilation(tinted, iterations=12) & ~ndimage.binary_dilation(tinted, iterations=3)
    rows, columns = np.nonzero(
        ndimage.binary_erosion(tinted, iterations=4) if mark == "exclude" else near & body
    )
    chosen = rng.integers(len(rows))
    box = page.locator("#viewer img").bounding_box()
    assert box is not None
    height, width = tinted.shape
    scale = min(box["width"] / width, box["height"] / height)
    left = box["x"] + (box["width"] - width * scale) / 2
    top = box["y"] + (box["height"] - height * scale) / 2
    return left + (columns[chosen] + 0.5) * scale, top + (rows[chosen] + 0.5) * scale
