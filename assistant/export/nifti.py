"""Masks as NIfTI on the study's own grid, with its own affine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.export.files import replacing
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from prompts.ontology import ontology

SCANNER = 1
"""NIfTI code of coordinates in the scanner's own space."""


def save_array(array: npt.NDArray, geometry: Geometry, path: Path) -> Path:
    """A uint8 or uint16 array of the grid's shape as .nii or .nii.gz."""
    import nibabel as nib
    from isal import igzip

    image = nib.nifti1.Nifti1Image(np.asarray(array), geometry.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(geometry.affine, code=SCANNER)
    image.set_qform(geometry.affine, code=SCANNER)
    data = image.to_bytes()
    with replacing(path) as temporary:
        temporary.write_bytes(igzip.compress(data, compresslevel=1) if path.suffix == ".gz" else data)
    return path


def save_mask(mask: Mask | npt.NDArray[np.bool_], geometry: Geometry, path: Path) -> Path:
    """One structure: 1 inside, 0 outside."""
    voxels = mask.full() if isinstance(mask, Mask) else mask
    return save_array(voxels.astype(np.uint8), geometry, path)


def label_map(masks: Mapping[str, Mask], shape: tuple[int, int, int]) -> tuple[npt.NDArray, dict[str, Any]]:
    """All present masks in one array, and what its values mean.

    Values count from 1 in the order of the masks. Where masks overlap the later kind wins: lesions over regions
    over organs over groups, so that a part is not hidden by the whole.
    """
    words = ontology()
    rank = {"group": 0, "organ": 1, "muscle": 1, "bone": 1, "vessel": 1, "region": 2, "lesion": 3}
    present = {name: mask for name, mask in masks.items() if mask.box is not None}
    values = {name: value for value, name in enumerate(present, start=1)}
    array = np.zeros(shape, dtype=np.uint8 if len(values) < 256 else np.uint16)
    for name, mask in sorted(present.items(), key=lambda item: rank[words[item[0]].kind]):
        assert mask.box is not None
        array[mask.box.slices][mask.voxels] = values[name]
    labels = {
        str(value): {
            "id": name,
            "name": words[name].name,
            "codes": dict(words[name].codes),
            "colour": list(words[name].colour),
        }
        for name, value in values.items()
    }
    return array, labels


def save_label_map(masks: Mapping[str, Mask], geometry: Geometry, path: Path) -> tuple[Path, dict[str, Any]]:
    """The label map as NIfTI; returns what its values mean."""
    array, labels = label_map(masks, geometry.shape)
    return save_array(array, geometry, path), labels


