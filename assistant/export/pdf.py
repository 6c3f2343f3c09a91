"""The Markdown that reports are written in, as PDF: headings, lists, tables, pictures and paragraphs, no more."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from fpdf import FPDF

SIZES = {1: 18, 2: 13, 3: 11.5, 4: 10.5}
"""Of headings in points."""
TEXT, SMALL = 9.5, 8.0
_PICTURE = re.compile(r"!\[(.*)\]\((.*)\)")
_PLAIN = {"–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "’": "'", "≥": ">=", "≤": "<=", "−": "-"}
"""What the fonts that every PDF reader has cannot write."""


def pdf(markdown: str, pictures: Mapping[str, Image.Image]) -> bytes:
    """A4 pages. pictures: by the address that the Markdown gives them; one that is not there is left out."""
    from fpdf import FPDF

    document = FPDF()
    document.set_margin(16)
    document.set_auto_page_break(True, 16)
    document.set_font("helvetica", size=TEXT)
    document.add_page()
    for kind, lines in groupby(_plain(markdown).splitlines(), key=_kind):
        if kind == "table":
            _table(document, list(lines))
            continue
        for line in lines:
            _line(document, kind, line, pictures)
    return bytes(document.output())


def _kind(line: str) -> str:
    """What a line of the Markdown is."""
    starts = {"#": "heading", "- ": "item", "|": "table", "![": "picture"}
    return next((kind for start, kind in starts.items() if line.startswith(start)), "text")


def _line(document: FPDF, kind: str, line: str, pictures: Mapping[str, Image.Image]) -> None:
    if kind == "heading":
        marks, text = line.split(" ", 1)
        document.ln(2)
        document.set_font("helvetica", "B", SIZES.get(len(marks), TEXT))
        document.multi_cell(0, None, text, new_x="LMARGIN", new_y="NEXT")
        document.set_font("helvetica", size=TEXT)
        document.ln(1)
    elif kind == "picture":
        _picture(document, line, pictures)
    elif kind == "item":
        document.cell(5, 4.8, "\x95")
        document.multi_cell(0, 4.8, line[2:], markdown=True, new_x="LMARGIN", new_y="NEXT")
    elif line.strip():
        document.multi_cell(0, 4.8, line, markdown=True, new_x="LMARGIN", new_y="NEXT")
    else:
        document.ln(1.5)


def _table(document: FPDF, lines: list[str]) -> None:
    document.set_font("helvetica", size=SMALL)
    rows = list(_rows(lines))
    widths = [max(5, max(len(row[n]) for row in rows) ** 0.6) for n in range(len(rows[0]))]
    with document.table(col_widths=widths, line_height=4.2, borders_layout="HORIZONTAL_LINES") as table:
        for row in rows:
            table.row(row)
    document.set_font("helvetica", size=TEXT)


def _rows(lines: list[str]) -> Iterator[list[str]]:
    """The cells of a table's lines, without the one below its head."""
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not all(set(cell) <= {"-", ":"} and cell for cell in cells):
            yield cells


def _picture(document: FPDF, line: str, pictures: Mapping[str, Image.Image]) -> None:
    """A picture as wide as the page allows with two above one another, and its words below."""
    match = _PICTURE.match(line)
    image = pictures.get(match[2]) if match else None
    if match is None or image is None:
        return
    width = min(document.epw, 100 * image.width / image.height)
    if document.will_page_break(width * image.height / image.width + 8):
        document.add_page()
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=88)
    document.image(jpeg, w=width, alt_text=match[1])
    document.set_font("helvetica", "I", SMALL)
    document.multi_cell(0, 4.8, match[1], new_x="LMARGIN", new_y="NEXT")
    document.set_font("helvetica", size=TEXT)


def _plain(text: str) -> str:
    """Text in the letters of the PDF's own fonts (Latin-1)."""
    return "".join(_PLAIN.get(c, c) for c in text).encode("latin-1", "replace").decode("latin-1")
