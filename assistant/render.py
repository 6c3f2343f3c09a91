"""Pictures of slices: arrays in, an image out; no state and no widgets.

Pictures follow the radiological convention: the patient's right is on the left of axial and coronal pictures,
sagittal pictures face left, and the head is at the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from encoders.geometry import Box
from encoders.volume import Volume

Colour = tuple[int, int, int]
Point = tuple[float, float, float]

SIZE = (960, 640)
"""The largest picture, width and height in pixels: what a viewer beside a chat has room for."""
BIG, NORMAL, SMALL = 25, 21, 18
"""Sizes of words in pixels: letters at the edges, labels, caption."""
LETTERS: Colour = (235, 200, 110)
RULER: Colour = (255, 236, 90)
HALO: Colour = (0, 0, 0)
SCALE_BAR_MM = 50.0
IN_SLICE = 0.51
"""An end of a line belongs to a slice when it is at most this many voxels from it."""


@dataclass(frozen=True)
class Plane:
    """How a slice of a canonical (RAS+) array becomes a picture.

    axis: the axis that the slices are counted along. columns, rows: the axes across and down the picture.
    letters: where the left, right, top and bottom of the picture point in the patient.
    """

    name: str
    axis: int
    columns: int
    rows: int
    letters: tuple[str, str, str, str]


PLANES = {
    "axial": Plane("axial", 2, 0, 1, ("R", "L", "A", "P")),
    "coronal": Plane("coronal", 1, 0, 2, ("R", "L", "S", "I")),
    "sagittal": Plane("sagittal", 0, 1, 2, ("A", "P", "S", "I")),
}


@dataclass(frozen=True)
class Line:
    """A measured line between two points in canonical voxel coordinates, and what to write beside it."""

    ends: tuple[Point, Point]
    text: str


@dataclass(frozen=True, eq=False)
class Layer:
    """One structure to draw over the slices of a canonical array.

    box: half-open canonical box. voxels: bool array of the box's shape in canonical order.
    strong: this is the one the reader looks at: its box is thick and named.
    """

    label: str
    colour: Colour
    box: Box
    voxels: npt.NDArray[np.bool_]
    lines: tuple[Line, ...] = ()
    strong: bool = False


@dataclass(frozen=True)
class Frame:
    """Where the voxels of one slice lie on the picture.

    voxels: columns and rows of the slice. spacing: their millimetres. Positions are measured from the top
    left corner of the picture, so pixel p covers p .. p + 1.
    """

    plane: Plane
    voxels: tuple[int, int]
    spacing: tuple[float, float]
    pixels_per_mm: float

    @classmethod
    def fitting(cls, plane: Plane, volume: Volume, size: tuple[int, int]) -> Frame:
        """The largest frame within `size` that shows millimetres alike across and down."""
        columns, rows = volume.shape[plane.columns], volume.shape[plane.rows]
        across, down = volume.geometry.spacing[plane.columns], volume.geometry.spacing[plane.rows]
        pixels_per_mm = min(size[0] / (columns * across), size[1] / (rows * down))
        return cls(plane, (columns, rows), (across, down), pixels_per_mm)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels a voxel, across and down."""
        across, down = self.spacing
        return across * self.pixels_per_mm, down * self.pixels_per_mm

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = (max(1, round(n * s)) for n, s in zip(self.voxels, self.scale, strict=True))
        return width, height

    def position(self, voxel: Sequence[float]) -> tuple[float, float]:
        """The middle of a canonical voxel on the picture."""
        columns, rows = self.voxels
        x = (columns - 0.5 - voxel[self.plane.columns]) * self.scale[0]
        y = (rows - 0.5 - voxel[self.plane.rows]) * self.scale[1]
        return x, y

    def rectangle(self, box: Box) -> tuple[int, int, int, int]:
        """Left, top, right and bottom pixel of a box, all four inside it."""
        plane, (columns, rows), (across, down) = self.plane, self.voxels, self.scale
        left, right = ((columns - edge[plane.columns]) * across for edge in (box.stop, box.start))
        top, bottom = ((rows - edge[plane.rows]) * down for edge in (box.stop, box.start))
        return round(left), round(top), max(round(left), round(right) - 1), max(round(top), round(bottom) - 1)


def section(array: npt.NDArray, plane: Plane, index: int) -> npt.NDArray:
    """(rows, columns) of a canonical 3D array as a picture shows them: a view."""
    return array[(slice(None),) * plane.axis + (index,)].T[::-1, ::-1]


def windowed(hu: npt.NDArray, level: float, width: float) -> npt.NDArray[np.uint8]:
    """Hounsfield units to grey 0..255: black below level - width / 2, white above level + width / 2."""
    low = level - width / 2
    grey = (hu.astype(np.float32) - low) * (255.0 / width)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def render(
    volume: Volume,
    plane: Plane,
    index: int,
    window: tuple[float, float] = (40, 400),
    layers: Sequence[Layer] = (),
    opacity: float = 0.4,
    boxes: bool = True,
    caption: str = "",
    size: tuple[int, int] = SIZE,
) -> Image.Image:
    """One slice with everything on it.

    volume: canonical (`Volume.canonical()`). index: along `plane.axis` of it. window: level and width in HU.
    opacity: 0..1 of the structures' colour; at 0 nothing of them is drawn but boxes and lines.
    Returns an RGB image no larger than `size`, square millimetres shown square.
    """
    frame = Frame.fitting(plane, volume, size)
    grey = windowed(section(volume.hu, plane, index), *window)
    picture = Image.fromarray(grey).resize(frame.size, Image.Resampling.BICUBIC).convert("RGB")
    here = [layer for layer in layers if layer.box.start[plane.axis] <= index < layer.box.stop[plane.axis]]
    if opacity > 0:
        for layer in here:
            _tint(picture, layer, frame, index, opacity)
    pen = ImageDraw.Draw(picture)
    if boxes:
        for layer in sorted(here, key=lambda layer: layer.strong):
            _outline(pen, layer, frame)
    for layer in layers:
        for line in layer.lines:
            if all(abs(end[plane.axis] - index) <= IN_SLICE for end in line.ends):
                _ruler(pen, line, frame)
    _margin(pen, frame, caption)
    return picture


def _tint(picture: Image.Image, layer: Layer, frame: Frame, index: int, opacity: float) -> None:
    """Blend a structure's colour over the picture, with a firmer rim."""
    plane = frame.plane
    mask = np.zeros(frame.voxels[::-1], dtype=np.uint8)
    inside = section(layer.voxels, plane, index - layer.box.start[plane.axis])
    (columns, rows), box = frame.voxels, layer.box
    mask[
        rows - box.stop[plane.rows] : rows - box.start[plane.rows],
        columns - box.stop[plane.columns] : columns - box.start[plane.columns],
    ] = 255 * inside
    smooth = Image.fromarray(mask).resize(frame.size, Image.Resampling.BILINEAR)
    filled = smooth.point(lambda grey: 255 * (grey >= 128))
    extent = filled.getbbox()
    if extent is None:
        return
    x0, y0, x1, y1 = extent
    around = (max(x0 - 2, 0), max(y0 - 2, 0), min(x1 + 2, filled.width), min(y1 + 2, filled.height))
    filled = filled.crop(around)
    rim = ImageChops.subtract(filled, filled.filter(ImageFilter.MinFilter(3)))
    body = filled.point(lambda on: round(on * opacity))
    edge = rim.point(lambda on: round(on * min(1.0, 0.35 + opacity)))
    picture.paste(layer.colour, around, ImageChops.lighter(body, edge))


def _outline(pen: ImageDraw.ImageDraw, layer: Layer, frame: Frame) -> None:
    """The box of a structure where it cuts this slice."""
    left, top, right, bottom = frame.rectangle(layer.box)
    pen.rectangle((left, top, right, bottom), outline=layer.colour, width=3 if layer.strong else 2)
    if layer.strong:
        above = top > 32
        at = (left, top - 5) if above else (left, bottom + 5)
        _write(pen, at, layer.label, _pale(layer.colour), "ls" if above else "lt")


def _ruler(pen: ImageDraw.ImageDraw, line: Line, frame: Frame) -> None:
    """A measured line with a tick at each end and its length in words."""
    a, b = (np.array(frame.position(end)) for end in line.ends)
    length = float(np.linalg.norm(b - a))
    across = np.array([a[1] - b[1], b[0] - a[0]]) / max(length, 1e-9) * 8
    strokes = [(a, b), (a - across, a + across), (b - across, b + across)]
    for colour, width in ((HALO, 5), (RULER, 3)):
        for start, stop in strokes:
            pen.line((*start.tolist(), *stop.tolist()), fill=colour, width=width)
    x, y = max(a.tolist(), b.tolist())
    fits = x + 12 + pen.textlength(line.text, _font(NORMAL)) < frame.size[0]
    _write(pen, (x + 9, y) if fits else (x - 9, y + 20), line.text, RULER, "lm" if fits else "rm")


def _margin(pen: ImageDraw.ImageDraw, frame: Frame, caption: str) -> None:
    """Orientation letters, a scale bar of 5 cm, and the caption."""
    width, height = frame.size
    left, right, top, bottom = frame.plane.letters
    for at, letter, anchor in (
        ((7, height / 2), left, "lm"),
        ((width - 7, height / 2), right, "rm"),
        ((width / 2, 6), top, "mt"),
        ((width / 2, height - 7), bottom, "mb"),
    ):
        _write(pen, at, letter, LETTERS, anchor, BIG)
    bar = SCALE_BAR_MM * frame.pixels_per_mm
    if bar < width * 0.45:
        x, y = width - 10, height - 10
        for colour, thick in ((HALO, 5), (LETTERS, 3)):
            pen.line((x - bar, y, x, y), fill=colour, width=thick)
            for end in (x - bar, x):
                pen.line((end, y - 5, end, y + 2), fill=colour, width=thick)
        _write(pen, (x - bar / 2, y - 6), f"{SCALE_BAR_MM / 10:.0f} cm", LETTERS, "mb", SMALL)
    for row, text in enumerate(caption.splitlines()):
        _write(pen, (8, 8 + 23 * row), text, LETTERS, "lt", SMALL)


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    colour: Colour,
    anchor: str,
    size: int = NORMAL,
) -> None:
    """Text with a dark halo, readable over bone and over air."""
    pen.text(at, text, fill=colour, font=_font(size), anchor=anchor, stroke_width=2, stroke_fill=HALO)


def _pale(colour: Colour) -> Colour:
    """A colour that small words can be read in."""
    red, green, blue = (round(0.4 * c + 0.6 * 255) for c in colour)
    return red, green, blue


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow carries, so that pictures look alike on every machine."""
    return ImageFont.load_default(size)
