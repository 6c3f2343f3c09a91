"""`bodymaps eval segmentation`: a segmenter against reference masks, per case and structure.

A data set is a folder of cases. A case is a folder with the CT (`ct.nii.gz`) and references named after structures:
NIfTI masks (`<structure>.nii.gz`, also inside `segmentations/`), or surfaces (`<structure>.stl`) in voxel coordinates.
MSD, nnU-Net v2 and BTCV folders are read by `eval.layouts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Segmenter
from encoders.volume import Volume
from eval.layouts import read_layout
from eval.references import read_stl, voxelise
from eval.scores import score
from eval.tables import markdown


def find_cases(folder: Path) -> list[Path]:
    """Folders below `folder` (or itself) that hold a CT. Raises BodyMapsError when there is none."""
    cases = sorted(path.parent for path in folder.rglob("ct.nii.gz"))
    if not cases:
        raise BodyMapsError(f"no case in {folder}: a case is a folder with ct.nii.gz and reference masks")
    return cases


def references(case: Path, shape: tuple[int, int, int]) -> Iterator[tuple[str, np.ndarray]]:
    """(structure, bool mask on the CT's grid) for each reference of a case."""
    import nibabel as nib

    for path in sorted([*case.rglob("*.nii.gz"), *case.rglob("*.stl")]):
        name = path.name.removesuffix(".nii.gz").removesuffix(".stl")
        if name == "ct":
            continue
        stl = path.suffix == ".stl"
        mask = voxelise(read_stl(path), shape) if stl else np.asanyarray(nib.nifti1.load(path).dataobj) > 0
        if mask.shape != shape:
            raise BodyMapsError(f"{path} has shape {mask.shape}, its CT has {shape}")
        yield name, mask


def evaluate_case(
    segmenter: Segmenter, volume: Volume, truths: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Scores of one case; structures that the segmenter does not support are listed as such."""
    wanted = [name for name in truths if name in segmenter.supported()]
    masks = segmenter.segment(volume, wanted) if wanted else {}
    rows = []
    for name, truth in truths.items():
        row: dict[str, Any] = {"structure": name, "supported": name in masks}
        if name in masks:
            row |= asdict(score(masks[name].full(), truth, volume.geometry.spacing))
            row["confidence"] = round(masks[name].confidence, 3)
        rows.append(row)
    return rows


def evaluate(segmenter: Segmenter, folder: Path) -> dict[str, Any]:
    """All cases of a data set: {"cases": n, "rows": [...], "summary": {structure: {...}}}."""
    from tqdm import tqdm

    from assistant.study import open_study

    rows: list[dict[str, Any]] = []
    cases, unmapped = dataset_cases(folder)
    for name, image, truths_of in tqdm(cases, desc="cases", unit="case"):
        volume = open_study(image).volume
        truths = dict(truths_of(volume.shape))
        rows += [{"case": name, **row} for row in evaluate_case(segmenter, volume, truths)]
    summary: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["structure"] for row in rows):
        scored = [r for r in rows if r["structure"] == name and r.get("dice") is not None]
        if scored:
            summary[name] = {
                "cases": len(scored),
                "dice": float(np.mean([r["dice"] for r in scored])),
                "nsd": float(np.mean([r["nsd"] for r in scored])),
            }
    return {
        "segmenter": segmenter.name,
        "cases": len(cases),
        "unmapped": unmapped,
        "rows": rows,
        "summary": summary,
    }


Truths = Callable[[tuple[int, int, int]], Iterator[tuple[str, np.ndarray]]]


def dataset_cases(folder: Path) -> tuple[list[tuple[str, Path, Truths]], list[str]]:
    """(name, CT, references on a grid) of each case, and the labels that the ontology does not know.

    Raises BodyMapsError when the folder holds no case.
    """
    layout = read_layout(folder)
    if layout is None:
        return [(c.name, c / "ct.nii.gz", partial(references, c)) for c in find_cases(folder)], []
    if not layout.cases:
        raise BodyMapsError(f"no case in {folder}: its {layout.kind} layout has no image with a label image")
    return [(c.name, c.image, c.references) for c in layout.cases], list(layout.unmapped)


def table(result: dict[str, Any]) -> str:
    """The result as a table, one row a case and structure."""
    header = ["case", "structure", "Dice", "NSD 2 mm", "volume error", "confidence"]
    rows = [
        [r["case"], r["structure"], r.get("dice"), r.get("nsd"), r.get("volume_error"), r.get("confidence")]
        for r in result["rows"]
    ]
    text = markdown(header, rows) + f"\n{result['cases']} case(s), segmenter {result['segmenter']}"
    if result["unmapped"]:
        text += f"\nnot scored, no such structure in the ontology: {', '.join(result['unmapped'])}"
    return text
