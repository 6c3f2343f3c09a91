"""A served page with phantoms, and a real browser to look at it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=30_000)
ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
START_SECONDS = 180


@dataclass(frozen=True)
class Served:
    """A running page. folder: where the phantoms and its log are."""

    url: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("serve.py")), str(folder), str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    page = Served(f"http://127.0.0.1:{port}/", folder)
    try:
        _wait(page, process)
        yield page
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(page: Served, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(page.url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the page was not served:\n{page.log}")


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """launch(*flags): a Chromium."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: run .ci/system-packages")
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    chromium = launch()
    yield chromium
    chromium.close()


@pytest.fixture
def open_page(served: Served, browser: Browser) -> Iterator[Callable[[], Page]]:
    """open_page(): a new browser context on the page. The test fails when the page errs or calls out."""
    contexts, trouble = [], list[str]()

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        own = (served.url, "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else trouble.append(f"called {r.url}"))

    def opened() -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(served.url)
        page.get_by_role("textbox", name="Your question").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not trouble


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    return open_page()
