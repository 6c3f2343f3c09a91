"""The report of a conversation: what was found, with its numbers and pictures, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assistant.answer import Finding
from assistant.export.pictures import Picture
from assistant.export.words import bundle
from assistant.places import in_words
from encoders.geometry import Geometry

if TYPE_CHECKING:
    from assistant.session import Session
    from encoders.segmenters.base import Quality


def markdown(session: Session, found: Sequence[Finding], pictures: Sequence[Picture], folder: str) -> str:
    """The report. folder: where the pictures lie, seen from the report.

    Says nothing of the patient, of file names or of what was asked.
    """
    say, volume = bundle(), session.study.volume
    geometry = volume.geometry
    scan = say["study"].format(*geometry.shape, *geometry.spacing, geometry.orientation)
    lines = [f"# {say['title']}", "", say["research"], ""]
    lines += [f"- {scan}", f"- {say['segmenter'].format(name=session.workspace.segmenter.name)}"]
    lines += [f"- {say['frame']}", "", f"## {say['findings']}", ""]
    lines += _table(session, found) if found else [say["nothing"]]
    if notes := _notes(session):
        lines += ["", f"## {say['notes']}", "", *(f"- {note}" for note in notes)]
    if written := _structured(session):
        lines += ["", f"## {say['report']}", "", written]
    if pictures:
        lines += ["", f"## {say['pictures']}"]
        for picture in pictures:
            lines += ["", f"![{picture.alt}]({folder}/{picture.name})"]
    return "\n".join(lines) + "\n"


def _table(session: Session, found: Sequence[Finding]) -> list[str]:
    columns = bundle()["columns"]
    rows = [_row(f, session.study.volume.geometry, _quality(session, f)) for f in found]
    return [_cells(columns), _cells(["---"] * len(columns)), *map(_cells, rows)]


def _row(finding: Finding, geometry: Geometry, quality: str) -> list[str]:
    say = bundle()
    size, slices = say["none"], say["none"]
    if finding.box is not None:
        low, high = finding.box.world_mm
        size = " × ".join(f"{v:.0f}" for v in np.subtract(high, low))
        first, stop = (corner[geometry.axial_axis] for corner in finding.box.voxel)
        slices = f"{first}–{stop - 1}"
    return [
        finding.label,
        say["present"] if finding.present else say["absent"],
        ", ".join(map(in_words, finding.measurements)) or say["none"],
        size,
        slices,
        f"{finding.confidence:.0%}",
        quality,
    ]


def _quality(session: Session, finding: Finding) -> str:
    """How good masks of this structure were where they could be measured."""
    say, known = bundle(), session.workspace.known().get(finding.structure)
    quality: Quality = known.quality if known else session.workspace.segmenter.quality(finding.structure)
    if quality.dice is None:
        return str(say["no_quality"])
    return str(say["quality"].format(dice=quality.dice, cases=quality.cases))


def _notes(session: Session) -> list[str]:
    """What was said to be odd, each once."""
    said = (warning for answer in session.history for warning in answer.warnings)
    return list(dict.fromkeys([*session.study.warnings, *said]))


def _structured(session: Session) -> str:
    """The last structured report that was asked for; empty when there was none. Its headings go one level down."""
    results = [result for answer in session.history for result in answer.results]
    text = next((str(r["markdown"]) for r in reversed(results) if "markdown" in r), "")
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in text.splitlines())


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"
