"""Take `page.png`: the page in a real browser, talking with the demo CT. `python docs/images/take.py [URL]`.

URL: of a page that runs already; default: the page is served here, with the embedded model.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).parent
PORT = 7869
QUESTIONS = ("How big is the liver?", "longest diameter of the left kidney", "and the right one?")
MINUTE = 60_000


def take(url: str, target: Path, dark: bool = True) -> None:
    """Open the demo, ask, and keep what is seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(
            viewport={"width": 1280, "height": 720}, color_scheme="dark" if dark else "light"
        )
        page.goto(url)
        page.get_by_role("button", name="Open the demo CT").click()
        expect(page.locator("#viewer img")).to_be_visible(timeout=5 * MINUTE)
        for question in QUESTIONS:
            field = page.get_by_role("textbox", name="Your question")
            field.fill(question)
            field.press("Enter")
            expect(page.locator("#chat .user-row").last).to_contain_text(question)
            expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=5 * MINUTE)
        page.wait_for_timeout(1000)
        page.screenshot(path=target)
        browser.close()
    Image.open(target).convert("RGB").save(target, optimize=True)


def main() -> None:
    if len(sys.argv) > 1:
        take(sys.argv[1], HERE / "page.png")
        return
    url = f"http://127.0.0.1:{PORT}/"
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(PORT)], cwd=HERE.parents[1])
    try:
        for _ in range(300):
            try:
                urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        take(url, HERE / "page.png")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
