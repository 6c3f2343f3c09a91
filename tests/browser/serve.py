"""Serve the page with a phantom's segmenter: `python serve.py FOLDER PORT` first writes the phantoms.

A program of its own, because the page must run in another process than the browser that looks at it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np

import app
from encoders.segmenters.base import Progress
from eval.oracle import Oracle
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint

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


def pace(structure: str, progress: Progress | None) -> None:
    """Look for a structure for a while, telling how far it is."""
    for step in range(100 if structure == SLOW else 2):
        if progress is not None:
            progress(step / 100, f"looking for the {structure}")
        time.sleep(0.1 if structure == SLOW else 0)


def segmenter() -> Oracle:
    solids = {name: solid for name, (solid, _) in SOLIDS.items()}
    return Oracle(solids, frozenset({"gallbladder"}), "phantom", 0.97, pace=pace)


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
    app.main(port=port, segmenter=segmenter())
