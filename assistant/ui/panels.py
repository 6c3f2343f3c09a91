"""The page's own HTML: header facts, the viewer, the findings table, progress. Every word is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from assistant.answer import Finding
from assistant.phase import contrast_phase
from assistant.places import Key, colour_of, in_words, key_of
from assistant.ui.places import Chip
from assistant.ui.reading import Reading
from assistant.ui.words import page
from encoders.geometry import Geometry

if TYPE_CHECKING:
    from assistant.session import Session


def facts(reading: Reading | None) -> str:
    """The study in one line, and its prior in another: name, size, spacing, extent, phase. Nothing of the patient."""
    if reading is None:
        return f'<p class="facts">{escape(page()["tagline"])}</p>'
    prior = getattr(reading.session, "prior", None)
    lines = [_facts(reading.name, reading.session)]
    if prior is not None:
        lines.append(_facts(page()["prior"]["name"].format(name=reading.prior_name), prior))
    return "".join(lines)


def _facts(name: str, session: Session) -> str:
    geometry, say = session.study.volume.geometry, page()["facts"]
    extent = np.multiply(geometry.shape, geometry.spacing)
    chips = [
        say["size"].format(*geometry.shape),
        say["spacing"].format(*geometry.spacing),
        say["extent"].format(*extent),
    ]
    phase = contrast_phase(session.workspace, known=True)
    if phase["phase"] is not None:
        chips.append(say["phase"].format(**phase))
    items = "".join(f"<span>{escape(chip)}</span>" for chip in chips)
    return f'<p class="facts"><strong>{escape(name)}</strong>{items}</p>'


def notices(
    credit: str = "", warnings: Sequence[str] = (), error: str = "", busy: str = "", said: str = ""
) -> str:
    """Whose the study is, what is odd about it, what went wrong, what is being done, what was: a line each."""
    lines = [f'<p class="notice about">{escape(credit)}</p>'] if credit else []
    lines += [f'<p class="notice warning">{escape(w)}</p>' for w in warnings]
    if error:
        lines.append(f'<p class="notice error" role="alert">{escape(error)}</p>')
    if busy:
        lines.append(f'<p class="notice busy" role="status">{escape(busy)} …</p>')
    if said:
        lines.append(f'<p class="notice said" role="status">{escape(said)}</p>')
    return "".join(lines)


def viewer(reading: Reading | None) -> str:
    """The slice on show, embedded in the page so that no picture of a patient is ever written to a file.

    Nothing while the 3D viewer has its place.
    """
    say = page()["viewer"]
    if reading is None:
        hint = say["empty_hint"].format(formats=page()["formats"])
        words = f"<strong>{escape(say['empty'])}</strong><br>{escape(hint)}"
        return f'<div class="screen empty"><p>{words}</p></div>'
    view = reading.view
    if view.space:
        return ""
    alt = say["alt"].format(
        plane=page()["planes"][view.plane],
        index=reading.slice,
        last=reading.last,
        window=view.window,
        names=", ".join(reading.seen()) or say["nothing"],
    )
    source = _data_uri(reading.picture())
    mark = f'data-mark="{escape(view.mark)}" data-brush="{reading.brush:.4f}"'
    return (
        f'<div class="screen" tabindex="0" {mark}>'
        f'<img src="{source}" alt="{escape(alt)}" draggable="false">'
        f'<p class="corner" aria-hidden="true">{escape(reading.caption)}</p></div>'
    )


def findings_table(reading: Reading | None) -> str:
    """All findings of the conversation; a present one is a row that can be clicked."""
    say = page()["findings"]
    found = reading.findings if reading else []
    if reading is None or not found:
        return f'<p class="none">{escape(say["empty"])}</p>'
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in say["columns"])
    rows = "".join(
        _row(n, f, reading.geometry, key_of(f) == reading.view.chosen) for n, f in enumerate(found)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def chips(offered: Sequence[Chip], first: int) -> str:
    """Buttons that lead to findings, boxes and numbers. first: the number of the first one on the page."""
    say = page()["chips"]
    lines: list[str] = []
    for n, chip in enumerate(offered, start=first):
        swatch = _swatch(chip.key) if chip.is_finding else ""
        hint = escape(say["hint"].format(text=chip.text, label=chip.key[1]))
        kind = "chip finding" if chip.is_finding else "chip"
        button = f'<button type="button" class="{kind}" data-chip="{n}" title="{hint}">'
        lines.append(f"{button}{swatch}{escape(chip.text)}</button>")
    return f'<div class="chips" role="group" aria-label="{escape(say["title"])}">{"".join(lines)}</div>'


def progress(fraction: float, text: str, busy: bool) -> str:
    """A thin bar while a question is answered; nothing else at other times."""
    if not busy:
        return ""
    value = f' value="{fraction:.3f}"' if fraction > 0 else ""
    words = escape(text or page()["working"])
    return f'<label class="progress"><progress max="1"{value}></progress><span>{words}</span></label>'


def _row(index: int, finding: Finding, geometry: Geometry, chosen: bool) -> str:
    say = page()["findings"]
    cells = [
        _swatch(key_of(finding)) + escape(finding.label),
        escape(say["present"] if finding.present else say["absent"]),
        escape(_measurements(finding) or say["none"]),
        escape(_box_size(finding) or say["none"]),
        escape(_slices(finding, geometry) or say["none"]),
        f"{finding.confidence:.0%}",
    ]
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    if not finding.present:
        return f'<tr class="absent">{body}</tr>'
    current = ' aria-current="true"' if chosen else ""
    return f'<tr data-row="{index}" tabindex="0"{current}>{body}</tr>'


def _swatch(key: Key) -> str:
    red, green, blue = colour_of(key)
    return f'<i class="swatch" style="background: rgb({red} {green} {blue})"></i>'


def _measurements(finding: Finding) -> str:
    return ", ".join(map(in_words, finding.measurements))


def _box_size(finding: Finding) -> str:
    if finding.box is None:
        return ""
    low, high = finding.box.world_mm
    return str(page()["findings"]["box"].format(*np.subtract(high, low)))


def _slices(finding: Finding, geometry: Geometry) -> str:
    if finding.box is None:
        return ""
    first, stop = (corner[geometry.axial_axis] for corner in finding.box.voxel)
    return f"{first}–{stop - 1}" if stop - 1 > first else f"{first}"


def _data_uri(picture: Image.Image) -> str:
    """A PNG in the page itself; compressed lightly, because it travels no further than the loopback."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
