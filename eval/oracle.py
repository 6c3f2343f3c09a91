"""A segmenter that makes no mistakes: it knows the solids of a phantom, on whatever grid they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.volume import Volume
from eval.phantoms import Solid, rasterise

Pace = Callable[[str, Progress | None], None]
"""Called before a structure is drawn; may report progress, and wait."""


@dataclass
class Oracle:
    """Draws solids; a structure with several solids, such as lesions, is their union.

    solids: by structure. absent: structures that can be looked for and are not there.
    asked: every structure that it was asked for, in order, so that one can see what was reused.
    """

    solids: Mapping[str, Solid | Sequence[Solid]]
    absent: frozenset[str] = frozenset()
    name: str = "oracle"
    confidence: float = 0.9
    asked: list[str] = field(default_factory=list)
    pace: Pace | None = None

    def supported(self) -> frozenset[str]:
        return frozenset(self.solids) | self.absent

    def quality(self, structure: str) -> Quality:
        return Quality("validated", 0.95, 3) if structure in self.supported() else Quality("unsupported")

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"the {self.name} has no {', '.join(unknown)}")
        masks = {}
        for n, structure in enumerate(structures, start=1):
            self.asked.append(structure)
            if self.pace:
                self.pace(structure, progress)
            masks[structure] = self._draw(volume, structure)
            if progress:
                progress(n / len(structures), structure)
        return masks

    def _draw(self, volume: Volume, structure: str) -> Mask:
        full = np.zeros(volume.shape, dtype=bool)
        for solid in _several(self.solids.get(structure, ())):
            full |= rasterise(solid, volume.geometry)
        return Mask.from_full(structure, full, self.confidence)


def _several(solids: Solid | Sequence[Solid]) -> Iterable[Solid]:
    return solids if isinstance(solids, Sequence) else (solids,)
