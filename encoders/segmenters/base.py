"""What a segmenter is and what it gives back. No torch here: the assistant imports this at start-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError
from encoders.geometry import Box, Geometry
from encoders.volume import Volume

Progress = Callable[[float, str], None]
"""Called with the fraction done (0..1) and what is being done; may raise `Cancelled` to stop the work."""


def part_of(progress: Progress | None, low: float, high: float) -> Progress | None:
    """Progress of a step of some work: its 0..1 becomes `low`..`high` of the whole."""
    if progress is None:
        return None
    return lambda done, what: progress(low + (high - low) * done, what)


Level = Literal["validated", "experimental", "unsupported"]


@dataclass(frozen=True)
class Detection:
    """How well whole patients were told apart by one kind of lesion, as measured (`bodymaps eval detection`).

    sensitivity, specificity: 0..1, or None where no patient of that kind was measured.
    positives, negatives: how many patients with and without the lesion were measured.
    threshold_mm3: a patient counts as positive when one piece of the mask is larger than this.
    note: what a user should know of the measurement, one sentence or "".
    """

    sensitivity: float | None
    specificity: float | None
    positives: int
    negatives: int
    threshold_mm3: float
    note: str = ""


@dataclass(frozen=True)
class Quality:
    """How good a segmenter is at one structure, as measured.

    level: validated (measured, good enough to report), experimental (weak, or not measured enough),
        or unsupported.
    dice: mean Dice over `cases` held-out studies; None when it was not measured.
    note: what a user should know, one sentence or "".
    detection: for a lesion, how well patients with it were told from those without; None when not measured.
    """

    level: Level
    dice: float | None = None
    cases: int = 0
    note: str = ""
    detection: Detection | None = None


@dataclass(frozen=True, eq=False)
class Mask:
    """One structure on the study's grid, stored cropped to its tight box.

    structure: ontology id.
    shape: the study's grid.
    box: tight half-open voxel box; None when the structure was looked for and not found.
    voxels: bool array of `box.shape` ((0, 0, 0) when absent).
    confidence: calibrated probability 0..1 that the mask is right; when absent, that the structure is absent.
    """

    structure: str
    shape: tuple[int, int, int]
    box: Box | None
    voxels: npt.NDArray[np.bool_]
    confidence: float

    def __post_init__(self) -> None:
        expected = self.box.shape if self.box else (0, 0, 0)
        if self.voxels.shape != expected:
            raise BodyMapsError(f"The mask of {self.structure} is {self.voxels.shape}, its box {expected}.")
        if not 0.0 <= self.confidence <= 1.0:
            raise BodyMapsError(f"The confidence of {self.structure} is {self.confidence}, not within 0..1.")

    @classmethod
    def absent(cls, structure: str, shape: Sequence[int], confidence: float) -> Mask:
        """A structure that was looked for and not found."""
        return cls(structure, _shape(shape), None, np.zeros((0, 0, 0), bool), float(confidence))

    @classmethod
    def from_full(cls, structure: str, mask: npt.NDArray, confidence: float) -> Mask:
        """From a 3D array on the whole grid; its nonzero voxels are the structure."""
        return cls.from_crop(structure, mask.shape, Box.whole(mask.shape), mask, confidence)

    @classmethod
    def from_crop(
        cls, structure: str, shape: Sequence[int], box: Box, voxels: npt.NDArray, confidence: float
    ) -> Mask:
        """From an array that covers `box` of a grid of `shape`; tightened to its nonzero voxels."""
        tight = Box.of_mask(voxels)
        if tight is None:
            return cls.absent(structure, shape, confidence)
        kept = np.ascontiguousarray(voxels[tight.slices]) != 0
        return cls(structure, _shape(shape), tight.shifted(box.start), kept, float(confidence))

    @classmethod
    def from_canonical(
        cls, structure: str, geometry: Geometry, box: Box, voxels: npt.NDArray, confidence: float
    ) -> Mask:
        """From an array that covers `box` of the RAS+ ordered grid of `geometry`, brought to its own axis order."""
        own = np.ascontiguousarray(geometry.from_canonical(voxels))
        return cls.from_crop(structure, geometry.shape, geometry.from_canonical_box(box), own, confidence)

    @property
    def present(self) -> bool:
        return self.box is not None

    @property
    def voxel_count(self) -> int:
        return int(np.count_nonzero(self.voxels))

    @property
    def touches_edge(self) -> bool:
        """The mask reaches a face of the grid: the structure is perhaps cut off by the field of view."""
        return self.box is not None and self.box.touches_edge(self.shape)

    def full(self) -> npt.NDArray[np.bool_]:
        """The mask on the whole grid, a new bool array of `shape`."""
        out = np.zeros(self.shape, dtype=bool)
        if self.box is not None:
            out[self.box.slices] = self.voxels
        return out


class Asked(NamedTuple):
    """What is looked for: a structure by the model's own embedding, or as a user's phrase has it.

    Anatomy checks, rivals and reach are the structure's in either case.
    """

    structure: str
    phrase: str = ""


@runtime_checkable
class Segmenter(Protocol):
    """A model that finds structures in a CT."""

    name: str

    def supported(self) -> frozenset[str]:
        """The ontology ids that it can find: leaves, regions, lesions or whole groups."""
        ...

    def quality(self, structure: str) -> Quality:
        """How good it is at this structure, as measured."""
        ...

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        """One mask for each structure asked for, on the volume's own grid; absent ones are absent masks.

        Raises BodyMapsError for a structure that is not supported.
        """
        ...


def _shape(shape: Sequence[int]) -> tuple[int, int, int]:
    i, j, k = (int(n) for n in shape)
    return i, j, k
