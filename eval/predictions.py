"""Where predicted masks come from, and how they go out: a segmenter, a folder, a data set's own label images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Segmenter
from encoders.volume import Volume
from eval.dataset import Dataset
from eval.layouts import LabelledCase, Layout
from prompts.ontology import ontology

Masks = dict[str, np.ndarray]
Predictions = Callable[[str, Volume, Sequence[str]], tuple[Masks, dict[str, float]]]
"""(case, CT, structures) to bool masks on the CT's grid, of those that can be had, and what confidences there are."""


def of_segmenter(segmenter: Segmenter) -> Predictions:
    """A group is the union of its leaves where the segmenter knows only these."""

    def predict(case: str, volume: Volume, structures: Sequence[str]) -> tuple[Masks, dict[str, float]]:
        parts = {s: _parts(s, segmenter.supported()) for s in structures}
        wanted = sorted({p for names in parts.values() for p in names})
        found = segmenter.segment(volume, wanted) if wanted else {}
        masks = {
            s: np.logical_or.reduce([found[p].full() for p in names]) for s, names in parts.items() if names
        }
        sure = {s: round(min(found[p].confidence for p in names), 3) for s, names in parts.items() if names}
        return masks, sure

    return predict


def of_folder(folder: Path, layout: Layout | None) -> Predictions:
    """`<case>.nii.gz` holds the layout's values; a folder `<case>` one mask a structure, also in `segmentations/`.

    A missing mask is an empty one, unless no case has it: then it was not predicted. A case with neither file nor
    folder is an error: leaving a failed case out would flatter.
    """
    predicted = {_stem(p) for p in folder.glob("*/**/*.nii.gz")}

    def predict(case: str, volume: Volume, structures: Sequence[str]) -> tuple[Masks, dict[str, float]]:
        image = folder / f"{case}.nii.gz"
        if layout is not None and image.is_file():
            return dict(LabelledCase(case, image, image, layout.values).references(volume.shape)), {}
        if not (folder / case).is_dir():
            raise BodyMapsError(f"no prediction of case '{case}' in {folder}: add {image.name} or {case}/")
        files = {_stem(p): p for p in sorted((folder / case).rglob("*.nii.gz"))}
        return {s: _read(files.get(s), volume) for s in structures if s in predicted}, {}

    return predict


def save_label_image(masks: Mapping[str, np.ndarray], dataset: Dataset, volume: Volume, path: Path) -> None:
    """One label image with the data set's values, on the CT's grid; a lesion wins over the organ around it.

    Raises BodyMapsError for a data set that has no such values.
    """
    import nibabel as nib

    from encoders.files import replacing

    if dataset.layout is None:
        raise BodyMapsError(
            f"--export needs a data set with label images (MSD, nnU-Net, BTCV), not {dataset.kind}"
        )
    labels = np.zeros(volume.shape, np.uint8)
    values = dataset.layout.values.items()
    for value, structure in sorted(values, key=lambda item: ontology()[item[1]].kind == "lesion"):
        if structure in masks:
            labels[masks[structure]] = value
    with replacing(path) as temporary:
        nib.save(nib.Nifti1Image(labels, volume.geometry.affine), temporary)


def _parts(structure: str, supported: frozenset[str]) -> list[str]:
    """What the segmenter has to find for a structure; nothing when it cannot."""
    if structure in supported:
        return [structure]
    leaves = list(ontology().leaves(structure))
    return leaves if leaves and supported.issuperset(leaves) else []


def _stem(path: Path) -> str:
    return path.name.removesuffix(".nii.gz")


def _read(path: Path | None, volume: Volume) -> np.ndarray:
    import nibabel as nib

    if path is None:
        return np.zeros(volume.shape, bool)
    mask = np.asanyarray(nib.nifti1.load(path).dataobj) > 0
    if mask.shape != volume.shape:
        raise BodyMapsError(f"{path} has shape {mask.shape}, its CT has {volume.shape}")
    return mask
