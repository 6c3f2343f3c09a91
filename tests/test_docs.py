"""The pages say what the measured quality says."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_pages_show_the_shipped_scores():
    done = subprocess.run(
        [sys.executable, ROOT / "docs/quality_tables.py", "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_another_score_makes_a_page_stale():
    module = runpy.run_path(str(ROOT / "docs/quality_tables.py"))
    quality = json.loads(module["QUALITY"].read_text())
    page = module["PAGES"][0].read_text()
    assert module["written"](page, quality) == page
    liver = next(score for score in quality["scores"] if score["structure"] == "liver")
    liver["dice"] = 0.123
    quality["structures"]["spleen"]["level"] = "unsupported"
    changed = module["written"](page, quality)
    assert "0.123" in changed
    assert "\n| `spleen` |" in page
    assert "\n| `spleen` |" not in changed
    assert "`spleen`" in changed.split("<!-- quality: unsupported -->")[1].split("<!-- end -->")[0]
