"""Masks that a reader mended, as an annotation that training recipes read as a label file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.export.labels import label_map
from assistant.study import save_array
from encoders.errors import BodyMapsError
from encoders.files import save_json

if TYPE_CHECKING:
    from assistant.session import Session


def save_annotation(session: Session, folder: Path) -> list[Path]:
    """Save all masks that were mended in a session: `labels.nii.gz`, `labels.json`, `annotation.json`.

    labels.json: the label value of each structure. annotation.json: for each structure what was marked, in the order
    in which it was; the segmenter that drew the masks before; the entry of a recipe's `cases` that reads the files,
    for a CT beside them. Neither names the study nor the patient. Raises BodyMapsError when nothing was mended.
    """
    masks = {structure: found.mask for structure, found in session.workspace.mended().items()}
    if not masks:
        raise BodyMapsError("no mask was mended yet: correct one first")
    study = session.study
    array, labels = label_map(masks, study.volume.shape)
    values = {label["id"]: int(value) for value, label in labels.items()}
    note = {
        "structures": sorted(masks),
        "absent": sorted(structure for structure, mask in masks.items() if not mask.present),
        "hints": marked(session),
        "segmenter": session.workspace.segmenter.name,
        "shape": list(study.volume.shape),
        "affine": study.volume.geometry.affine.tolist(),
        "case": {
            "ct": "ct.nii.gz",
            "labels": [{"file": "labels.nii.gz", "names": "labels.json", "complete": sorted(values)}],
        },
    }
    return [
        save_array(array, study, folder / "labels.nii.gz"),
        save_json(values, folder / "labels.json"),
        save_json(note, folder / "annotation.json"),
    ]


def marked(session: Session) -> list[dict[str, Any]]:
    """The arguments of every correction that still holds, in their order."""
    return [
        dict(call.args)
        for answer in session.history
        for call, result in zip(answer.calls, answer.results, strict=True)
        if call.tool == "correct" and "error" not in result
    ]
