"""Serve the page with a phantom's segmenter: `python serve.py FOLDER PORT` first writes the phantoms.

A program of its own, because the page must run in another process than the browser that looks at it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

import app
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.volume import Volume
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint, rasterise

BODY = Ellipsoid((0, 0, 0), (150, 105, 400))
SOLIDS: dict[str, tuple[Solid, float]] = {
    "liver": (Ellipsoid((60, 10, 30), (60, 55, 50)), 110.0),
    "spleen": (Ellipsoid((-85, -35, 40), (28, 25, 38)), 120.0),
    "kidney_left": (Ellipsoid((-55, -50, -40), (25, 22, 45)), 170.0),
    "kidney_right": (Ellipsoid((55, -50, -50), (24, 22, 44)), 170.0),
    "aorta": (Tube((-8, -45, -110), (-8, -45, 110), 22.0), 250.0),
}
SLOW = "spleen"
"""Looking for this one takes ten seconds, unless it is stopped."""


class PhantomSegmenter:
    """Knows where the solids are in space, so any grid will do."""

    name = "phantom"

    def supported(self) -> frozenset[str]:
        return frozenset({*SOLIDS, "gallbladder"})

    def quality(self, structure: str) -> Quality:
        return Quality("validated", 1.0, 1)

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        masks = {}
        for structure in structures:
            for step in range(100 if structure == SLOW else 2):
                if progress is not None:
                    progress(step / 100, f"looking for the {structure}")
                time.sleep(0.1 if structure == SLOW else 0)
            if structure in SOLIDS:
                mask = rasterise(SOLIDS[structure][0], volume.geometry)
                masks[structure] = Mask.from_full(structure, mask, 0.97)
            else:
                masks[structure] = Mask.absent(structure, volume.shape, 0.9)
        return masks


def write(path: Path, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    """A CT of the phantom, stored feet last, as many scanners do."""
    geometry = grid(shape, spacing, "LPI")
    spine = Block((0, -70, 0), (40, 35, 300))
    volume = paint(geometry, [(BODY, 20.0), (spine, 400.0), *SOLIDS.values()], noise=12)
    nib.save(nib.Nifti1Image(np.asarray(volume.hu), geometry.affine), path)


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    write(folder / "phantom.nii.gz", (160, 112, 60), (2.0, 2.0, 4.0))
    write(folder / "other.nii.gz", (100, 72, 50), (3.2, 3.2, 5.0))
    app.main(port=port, segmenter=PhantomSegmenter())
