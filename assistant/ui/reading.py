"""One reader at one study: the session, and how it is looked at. The page shows this, and keeps nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from assistant.answer import Answer, Finding
from assistant.places import Key, Place, findings, key_of, layer_of, place_of, shown_line
from assistant.render import PLANES, Plane, render
from assistant.tools.show import WINDOWS
from assistant.ui.places import Chip
from assistant.ui.words import page
from encoders.geometry import Box, Geometry

if TYPE_CHECKING:
    from assistant.session import Session

SPACE = "space"
"""What the choice of planes calls the view of all three planes and 3D."""
LOOK = "look"
"""What a mark on the picture means when it means nothing; else include, exclude, box, paint or erase."""
BRUSH_MM = 5.0
"""Radius of the brush that paints and erases."""


@dataclass
class View:
    """How the study is looked at. at: the canonical voxel that the three planes go through."""

    at: list[int]
    plane: str = "axial"
    window: str = "soft tissue"
    opacity: float = 0.4
    boxes: bool = True
    chosen: Key | None = None
    space: bool = False
    """Whether the three planes and 3D are on show together, instead of one plane's slices."""
    mark: str = LOOK

    @property
    def shown(self) -> str:
        """The plane, or "space"."""
        return SPACE if self.space else self.plane

    @shown.setter
    def shown(self, choice: str) -> None:
        self.space = choice == SPACE
        if not self.space:
            self.plane = choice


@dataclass(eq=False)
class Reading:
    """What one browser session sees.

    name, prior_name: what the study and its prior are called on the page. credit: whose it is, when that must be said.
    turns: what was said, for each turn the messages of the chat, as plain data.
    corrections: those since the last question, which the last of the turns tells of.
    chips: all that was offered under answers so far, by their number on the page.
    question: the one that is being answered, or waits for its turn. stopped: the reader wants it no more.
    """

    session: Session
    name: str
    credit: str = ""
    turns: list[list[dict[str, Any]]] = field(default_factory=list)
    corrections: list[Answer] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)
    prior_name: str = ""
    question: str | None = None
    stopped: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Where the 3D viewer gets this study; known to this browser session alone."""

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
    def warnings(self) -> list[str]:
        """What is odd about the study, and about its prior."""
        prior = getattr(self.session, "prior", None)
        say = page()["prior"]["warning"]
        return [
            *self.session.study.warnings,
            *(say.format(warning=w) for w in (prior.study.warnings if prior is not None else ())),
        ]

    @property
    def findings(self) -> list[Finding]:
        return findings(self.session.history)

    @property
    def mending(self) -> str | None:
        """The structure whose mask is mended: the chosen one, else the newest that was looked for."""
        found = self.findings
        chosen = [f for f in found if key_of(f) == self.view.chosen]
        return next((f.structure for f in (*chosen, *found)), None)

    @property
    def brush(self) -> float:
        """The brush's radius as a fraction of the picture's width."""
        plane, canonical = self.plane, self.canonical.geometry
        return BRUSH_MM / (canonical.shape[plane.columns] * canonical.spacing[plane.columns])

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
        place = place_of(finding, self.geometry)
        if place is not None:
            self.go(place, key_of(finding))

    def go(self, place: Place, key: Key) -> None:
        """Go to a place, and highlight the finding that it belongs to."""
        self.view.chosen = key
        self.view.at = list(place.at)
        self.view.plane = place.plane or self.view.plane

    def follow(self, answer: Answer) -> None:
        """Look at what an answer is about."""
        shown = next((r["show"] for r in reversed(answer.results) if "show" in r), None)
        present = [f for f in answer.findings if f.present]
        if present:
            self.look_at(max(present, key=lambda f: shown_line(f) is not None))
        if shown is not None:
            self.view.shown = shown["plane"]
            self.slice = shown["slice"]
            self.view.window = next(
                n for n, values in WINDOWS.items() if list(values) == list(shown["window"])
            )

    def picture(self) -> Image.Image:
        """The slice on show with everything on it."""
        level, width = WINDOWS[self.view.window]
        layers = [layer_of(f, self.geometry, key_of(f) == self.view.chosen) for f in reversed(self.findings)]
        return render(
            self.canonical,
            self.plane,
            self.view.at[self.plane.axis],
            (level, width),
            [layer for layer in layers if layer is not None],
            self.view.opacity,
            self.view.boxes,
        )

    @property
    def caption(self) -> str:
        """Which slice is on show, and with which window."""
        level, width = WINDOWS[self.view.window]
        return str(
            page()["viewer"]["caption"].format(
                plane=page()["planes"][self.view.plane],
                index=self.slice,
                last=self.last,
                level=level,
                width=width,
            )
        )

    def seen(self) -> list[str]:
        """The labels of the findings that cut the slice on show."""
        axis, index = self.plane.axis, self.view.at[self.plane.axis]
        boxes = [(f.label, self.geometry.canonical_box(Box(*f.box.voxel))) for f in self.findings if f.box]
        return [label for label, box in boxes if box.start[axis] <= index < box.stop[axis]]

    def _own(self, index: int) -> int:
        """A slice number of the study's own array from a canonical one, and back."""
        return self.last - index if self.geometry.axes.flips[self.plane.axis] else index
