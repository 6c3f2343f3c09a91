"""Correction on the page: marks on the picture mend the mask of a finding, with undo, redo and a file to train with."""

from __future__ import annotations

import io
import logging
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.export.annotation import save_annotation
from assistant.places import key_of
from assistant.ui import corrections, panels
from assistant.ui.reading import BRUSH_MM, LOOK, Reading
from assistant.ui.store import Store
from assistant.ui.words import page
from encoders.errors import BodyMapsError
from encoders.geometry import Box

log = logging.getLogger(__name__)

Updates = dict[Any, Any]
Spot = tuple[float, float]
"""A place on the picture: fractions of its width and height, from its top left corner."""

ADDRESS = "/annotation"
MOST_SPOTS = 400
"""Of one stroke."""


class MendBar:
    """The widgets of correction: which mask, what a mark means, undo, redo, save. Made inside a gr.Blocks."""

    def __init__(self) -> None:
        say = page()["mend"]
        with gr.Row(elem_id="mend"):
            self.structure = gr.Dropdown(
                **_none(), label=say["structure"], filterable=False, interactive=False, elem_id="mended"
            )
            marks = [(name, mark) for mark, name in say["marks"].items()]
            self.mark = gr.Radio(marks, value=LOOK, label=say["mark"], elem_id="mark")
            self.undo = gr.Button(say["undo"], size="sm", interactive=False, elem_id="undo")
            self.redo = gr.Button(say["redo"], size="sm", interactive=False, elem_id="redo")
            self.save = gr.HTML("", elem_id="annotation")

    @property
    def widgets(self) -> list[Any]:
        return [self.structure, self.mark, self.undo, self.redo, self.save]

    def show(self, reading: Reading | None) -> Updates:
        choices = structures(reading) if reading else []
        shown = {"choices": choices, "value": reading.mending} if reading and choices else _none()
        return {
            self.structure: gr.update(**shown, interactive=bool(choices)),
            self.mark: reading.view.mark if reading else LOOK,
            self.undo: gr.update(interactive=reading is not None and can_undo(reading)),
            self.redo: gr.update(interactive=reading is not None and reading.session.can_redo),
            self.save: _link(reading),
        }


def _none() -> dict[str, Any]:
    """What the choice of masks shows when there is none."""
    return {"choices": [(page()["mend"]["none"], "")], "value": ""}


def structures(reading: Reading) -> list[tuple[str, str]]:
    """Names and ids of what can be mended: all that was looked for."""
    words = reading.session.workspace.words
    return [(words[s].name, s) for s in dict.fromkeys(f.structure for f in reading.findings)]


def can_undo(reading: Reading) -> bool:
    """Whether the last step was a correction: questions are taken back in the chat."""
    history = reading.session.history
    return bool(history) and {call.tool for call in history[-1].calls} == {"correct"}


def _link(reading: Reading | None) -> str:
    if reading is None or not reading.session.workspace.mended():
        return ""
    say = page()["mend"]
    address = f"{ADDRESS[1:]}/{reading.token}.zip"
    name, hint = escape(say["save"]), escape(say["save_hint"])
    return f'<a class="save" href="{address}" download="annotation.zip" title="{hint}">{name}</a>'


class Mending:
    """What happens when a reader marks the picture. widgets: the page's, with a `mend` bar."""

    def __init__(self, store: Store, widgets: Any) -> None:
        self.store, self.widgets, self.bar = store, widgets, widgets.mend

    def wire(self, options: dict[str, Any]) -> None:
        w, bar, shown = self.widgets, self.bar, self.widgets.reading
        w.viewer.select(self.mark, None, shown, trigger_mode="multiple", **options)
        bar.structure.input(self.choose, bar.structure, shown, **options)
        bar.mark.input(self.mean, bar.mark, shown, **options)
        bar.undo.click(self.undo, None, shown, **options)
        bar.redo.click(self.redo, None, shown, **options)

    def mark(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Marks were made on the picture: `points` as fractions of it, `other` to mean the other side."""
        spots = [(float(x), float(y)) for x, y in list(event.points)[:MOST_SPOTS]]
        inside = all(0 <= value <= 1 for spot in spots for value in spot)
        other = bool(event.other)

        def change(reading: Reading) -> str:
            if reading.mending is None:
                raise BodyMapsError(page()["mend"]["nothing"])
            if reading.view.mark == LOOK or not spots or not inside:
                return ""
            answer = reading.session.correct(reading.mending, **marks(reading, spots, other))
            corrections.made(reading, answer)
            return answer.text.splitlines()[0]

        return self._change(request, change)

    def choose(self, structure: str, request: gr.Request) -> Updates:
        """Which mask is mended; the view goes to it."""

        def change(reading: Reading) -> str:
            found = [f for f in reading.findings if f.structure == structure]
            if found:
                reading.view.chosen = key_of(found[0])
                reading.look_at(found[0])
            return ""

        return self._change(request, change)

    def mean(self, mark: str, request: gr.Request) -> Updates:
        """What a mark on the picture means from now on."""

        def change(reading: Reading) -> str:
            reading.view.mark = mark
            return str(page()["mend"]["hints"][mark])

        shown = self._change(request, change)
        shown.pop(self.bar.mark, None)  # the reader may have gone on to the next choice
        return shown

    def undo(self, request: gr.Request) -> Updates:
        def change(reading: Reading) -> str:
            if not can_undo(reading):
                return str(page()["mend"]["no_undo"])
            last = reading.session.history[-1]
            reading.session.undo()
            corrections.undone(reading, last)
            return str(page()["mend"]["undone"])

        return self._change(request, change)

    def redo(self, request: gr.Request) -> Updates:
        def change(reading: Reading) -> str:
            if not reading.session.can_redo:
                return str(page()["mend"]["no_redo"])
            reading.session.redo()
            corrections.redone(reading, reading.session.history[-1])
            return str(page()["mend"]["redone"])

        return self._change(request, change)

    def _change(self, request: gr.Request, change: Callable[[Reading], str]) -> Updates:
        """Change the reading, and show it with a sentence about what happened."""
        reading = self.store.get(request.session_hash or "")
        if reading is None:
            return self.widgets.problem(page()["gone"])
        if reading.question is not None:
            return self.widgets.problem(page()["mend"]["busy"])
        try:
            said = change(reading)
        except BodyMapsError as error:
            return self.widgets.problem(str(error))
        except Exception as error:
            log.exception("a mask could not be mended")
            return self.widgets.problem(page()["failed"].format(error=type(error).__name__))
        return self.widgets.view(reading) | {
            self.widgets.notices: panels.notices(said=said),
            self.widgets.findings: panels.findings_table(reading),
            self.widgets.chatbot: self.widgets.messages(reading),
        }


# -- from the picture to the patient


def marks(reading: Reading, spots: Sequence[Spot], other: bool = False) -> dict[str, Any]:
    """The arguments of `Session.correct` for marks on the slice on show.

    other: an inside mark means outside, painting means erasing, and the other way round.
    """
    mark = reading.view.mark
    if mark == "box":
        return {"box": box(reading, spots[0], spots[-1])}
    points = [_world(reading, spot) for spot in spots]
    side = "include" if (mark in ("include", "paint")) is not other else "exclude"
    brush = {"radius_mm": BRUSH_MM, "brush": True} if mark in ("paint", "erase") else {}
    return {side: points, **brush}


def box(reading: Reading, first: Spot, last: Spot) -> list[list[float]]:
    """Two corners, RAS+ mm, of a box drawn on the slice.

    Through the slices it is as deep as the mask; where there is none, as deep as it is wide on the picture.
    """
    plane, canonical = reading.plane, reading.canonical.geometry
    ends = [_voxel(reading, spot) for spot in (first, last)]
    low, high = (list(map(f, *ends)) for f in (min, max))
    found = next((f for f in reading.findings if f.structure == reading.mending), None)
    if found is not None and found.box is not None:
        around = reading.geometry.canonical_box(Box(*found.box.voxel))
        low[plane.axis], high[plane.axis] = around.start[plane.axis], around.stop[plane.axis] - 1
        here = reading.view.at[plane.axis]
        low[plane.axis], high[plane.axis] = min(low[plane.axis], here), max(high[plane.axis], here)
    else:
        sides = [(high[a] - low[a]) * canonical.spacing[a] for a in (plane.columns, plane.rows)]
        half = sum(sides) / 4 / canonical.spacing[plane.axis]
        low[plane.axis] = max(low[plane.axis] - half, 0)
        high[plane.axis] = min(high[plane.axis] + half, reading.last)
    return [canonical.to_world(corner).tolist() for corner in (low, high)]


def _voxel(reading: Reading, spot: Spot) -> list[float]:
    """The canonical voxel at a place on the picture: the inverse of `Frame.position`."""
    plane, shape = reading.plane, reading.canonical.shape
    voxel = [float(v) for v in reading.view.at]
    for axis, fraction in ((plane.columns, spot[0]), (plane.rows, spot[1])):
        voxel[axis] = min(max((1 - fraction) * shape[axis] - 0.5, 0.0), shape[axis] - 1.0)
    return voxel


def _world(reading: Reading, spot: Spot) -> list[float]:
    return reading.canonical.geometry.to_world(_voxel(reading, spot)).tolist()


# -- to take away


def routes(find: Callable[[str], Reading | None]) -> list[Any]:
    """The annotation as a zip, to whoever knows the reading's token."""
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    def annotation(request: Request) -> Response:
        reading = find(request.path_params["token"])
        if reading is None:
            return Response("there is no such study", 404)
        try:
            body = annotation_zip(reading)
        except BodyMapsError as error:
            return Response(str(error), 404)
        return Response(body, media_type="application/zip", headers={"Cache-Control": "no-store"})

    return [Route(f"{ADDRESS}/{{token}}.zip", annotation)]


def annotation_zip(reading: Reading) -> bytes:
    """`save_annotation`, zipped. Raises BodyMapsError when nothing was mended."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in save_annotation(reading.session, Path(folder)):
            archive.write(file, f"annotation/{file.name}")
    return packed.getvalue()
