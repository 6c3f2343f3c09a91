"""The result of `bodymaps segment`: one multi-label file and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from encoders.files import save_json
from encoders.segmenters.base import Mask
from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.study import Study


def label_map(masks: Mapping[str, Mask], shape: tuple[int, int, int]) -> tuple[npt.NDArray, dict[str, Any]]:
    """All present masks in one array, and what its values mean.

    Values count from 1 in the order of the masks. Where masks overlap the later kind wins: lesions over
    regions over organs over groups, so that a part is not hidden by the whole.
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


def save_segmentation(
    masks: Mapping[str, Mask], study: Study, folder: Path, format: str = "nifti"
) -> list[Path]:
    """Save all present masks; format: "nifti" or "dicom-seg".

    labels.json maps the values of the file to structures, and lists those that were looked for and not found.
    """
    from assistant.export.dicom_seg import save_dicom_seg
    from assistant.study import save_array

    array, labels = label_map(masks, study.volume.shape)
    if format == "dicom-seg":
        path = save_dicom_seg(masks, study, folder / "segmentation.dcm")
    else:
        path = save_array(array, study, folder / "segmentation.nii.gz")
    absent = [name for name, mask in masks.items() if not mask.present]
    return [path, save_json({"labels": labels, "not_found": absent}, folder / "labels.json")]
