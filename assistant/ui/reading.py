"""One reader at one study: the session, and how it is looked at. The page shows this, and keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from assistant.answer import Answer, Finding
from assistant.measure.types import Measurement
from assistant.tools.show import WINDOWS
from assistant.ui.render import PLANES, Layer, Line, Plane, render
from assistant.ui.words import page
from assistant.wording import number
from encoders.geometry import Box, Geometry
from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.session import Session

Key = tuple[str, str]
"""Structure and label: what tells one finding from another in a conversation."""


def key_of(finding: Finding) -> Key:
    return finding.structure, finding.label


def findings(history: Iterable[Answer]) -> list[Finding]:
    """The findings of a conversation, newest answer first, each once with all that was measured of it."""
    merged: dict[Key, Finding] = {}
    for answer in reversed(tuple(history)):
        for finding in answer.findings:
            newer = merged.get(key_of(finding))
            if newer is None:
                merged[key_of(finding)] = finding
            elif newer.present:
                kinds = {m.kind for m in newer.measurements}
                older = tuple(m for m in finding.measurements if m.kind not in kinds)
                merged[key_of(finding)] = replace(newer, measurements=newer.measurements + older)
    return list(merged.values())


def best_voxel(finding: Finding) -> tuple[int, int, int] | None:
    """Where to look for a finding, as a voxel of the study's own array; None when it is absent.

    The middle of the longest measured line, whose slice is the measurement's own; without a line the mask's
    voxel nearest to the middle of its box.
    """
    if finding.box is None or finding.voxels is None:
        return None
    inside = np.argwhere(finding.voxels)
    middle = (np.array(finding.voxels.shape) - 1) / 2
    nearest = inside[np.argmin(np.square(inside - middle).sum(axis=1))]
    i, j, k = (int(v) for v in nearest + np.array(finding.box.voxel[0]))
    return i, j, k


def shown_line(finding: Finding) -> Measurement | None:
    """The measurement that a reader wants to see drawn: the longest one that lies in an axial slice."""
    lines = [m for m in finding.measurements if m.slice_k is not None and m.endpoints_mm is not None]
    return max(lines, key=lambda m: m.value, default=None)


def layer_of(finding: Finding, geometry: Geometry, strong: bool) -> Layer | None:
    """A finding as something to draw on the canonical grid; None when it is absent."""
    if finding.box is None or finding.voxels is None:
        return None
    canonical = geometry.canonical()
    lines = tuple(
        Line(
            (_point(canonical, m.endpoints_mm[0]), _point(canonical, m.endpoints_mm[1])),
            number(m.value, m.unit),
        )
        for m in finding.measurements
        if m.endpoints_mm is not None
    )
    return Layer(
        label=finding.label,
        colour=ontology()[finding.structure].colour,
        box=geometry.canonical_box(Box(*finding.box.voxel)),
        voxels=geometry.to_canonical(finding.voxels),
        lines=lines,
        strong=strong,
    )


def _point(geometry: Geometry, world: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in geometry.to_voxel(world))
    return x, y, z


@dataclass
class View:
    """How the study is looked at. at: the canonical voxel that the three planes go through."""

    at: list[int]
    plane: str = "axial"
    window: str = "soft tissue"
    opacity: float = 0.4
    boxes: bool = True
    chosen: Key | None = None


@dataclass(eq=False)
class Reading:
    """What one browser session sees.

    name: what the study is called on the page. credit: whose it is, when that must be said.
    turns: what was said, for each turn the messages of the chat, as plain data.
    question: the one that is being answered, or waits for its turn. stopped: the reader wants it no more.
    """

    session: Session
    name: str
    credit: str = ""
    turns: list[list[dict[str, Any]]] = field(default_factory=list)
    question: str | None = None
    stopped: bool = False

    def __post_init__(self) -> None:
        self.view = View([n // 2 for n in self.canonical.shape])

    # -- the study

    @property
    def geometry(self) -> Geometry:
        return self.session.study.volume.geometry

    @property
    def canonical(self) -> Any:
        return self.session.study.volume.canonical()

    @property
    def findings(self) -> list[Finding]:
        return findings(self.session.history)

    # -- looking

    @property
    def plane(self) -> Plane:
        return PLANES[self.view.plane]

    @property
    def last(self) -> int:
        """The highest slice number of the plane."""
        return self.canonical.shape[self.plane.axis] - 1

    @property
    def slice(self) -> int:
        """The slice on show, as an index of the study's own array: the number that answers speak of."""
        return self._own(self.view.at[self.plane.axis])

    @slice.setter
    def slice(self, index: int) -> None:
        self.view.at[self.plane.axis] = self._own(min(max(int(index), 0), self.last))

    def scroll(self, steps: int) -> None:
        """Go that many slices towards the feet, the back or the patient's left."""
        axis = self.plane.axis
        self.view.at[axis] = min(max(self.view.at[axis] - steps, 0), self.last)

    def look_at(self, finding: Finding) -> None:
        """Go to the slice of a finding's measured line, else to its middle. An absent one moves nothing."""
        voxel = best_voxel(finding)
        if voxel is None:
            return
        self.view.chosen = key_of(finding)
        line = shown_line(finding)
        if line is not None and line.endpoints_mm is not None:
            self.view.plane = "axial"
            middle = self.geometry.to_voxel(np.mean(line.endpoints_mm, axis=0))
            i, j, k = (int(v) for v in np.clip(np.rint(middle), 0, np.subtract(self.geometry.shape, 1)))
            voxel = i, j, k
        start = self.geometry.canonical_box(Box(voxel, (voxel[0] + 1, voxel[1] + 1, voxel[2] + 1))).start
        self.view.at = list(start)

    def follow(self, answer: Answer) -> None:
        """Look at what an answer is about."""
        shown = next((r["show"] for r in reversed(answer.results) if "show" in r), None)
        present = [f for f in answer.findings if f.present]
        if present:
            self.look_at(max(present, key=lambda f: shown_line(f) is not None))
        if shown is not None:
            self.view.plane = shown["plane"]
            self.slice = shown["slice"]
            self.view.window = next(
                n for n, values in WINDOWS.items() if list(values) == list(shown["window"])
            )

    def picture(self) -> Image.Image:
        """The slice on show with everything on it."""
        level, width = WINDOWS[self.view.window]
        layers = [layer_of(f, self.geometry, key_of(f) == self.view.chosen) for f in reversed(self.findings)]
        caption = page()["viewer"]["caption"].format(
            plane=page()["planes"][self.view.plane],
            index=self.slice,
            last=self.last,
            level=level,
            width=width,
        )
        return render(
            self.canonical,
            self.plane,
            self.view.at[self.plane.axis],
            (level, width),
            [layer for layer in layers if layer is not None],
            self.view.opacity,
            self.view.boxes,
            caption,
        )

    def seen(self) -> list[str]:
        """The labels of the findings that cut the slice on show."""
        axis, index = self.plane.axis, self.view.at[self.plane.axis]
        boxes = [(f.label, self.geometry.canonical_box(Box(*f.box.voxel))) for f in self.findings if f.box]
        return [label for label, box in boxes if box.start[axis] <= index < box.stop[axis]]

    def _own(self, index: int) -> int:
        """A slice number of the study's own array from a canonical one, and back."""
        return self.last - index if self.geometry.axes.flips[self.plane.axis] else index
