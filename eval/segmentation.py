"""`bodymaps eval segmentation`: masks against references, per case and structure.

Masks come from a segmenter, or from a folder of predictions that something else wrote. A data set is read by
`eval.dataset`: folders of masks or meshes (also TotalSegmentator's and AbdomenAtlas'), MSD, nnU-Net v2 and BTCV.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from encoders.segmenters.base import Segmenter
from encoders.volume import Volume
from eval.dataset import Dataset, read_dataset
from eval.intervals import mean_interval
from eval.predictions import Predictions, of_folder, of_segmenter, save_label_image
from eval.scores import score
from eval.tables import markdown
from prompts.ontology import ontology


def evaluate(segmenter: Segmenter, folder: Path, export: Path | None = None) -> dict[str, Any]:
    """All cases of a data set: {"cases": n, "rows": [...], "summary": {structure: {...}}}.

    export: a folder for the predictions as label images with the data set's own values, as its server wants them; its
    images without references are predicted too. Only for data sets that have label images.
    """
    dataset = read_dataset(folder)
    return _evaluate(dataset, segmenter.name, of_segmenter(segmenter), export)


def evaluate_predictions(predictions: Path, folder: Path) -> dict[str, Any]:
    """As `evaluate`, of a folder: `<case>.nii.gz` with the data set's values, or `<case>/<id>.nii.gz`."""
    dataset = read_dataset(folder)
    return _evaluate(dataset, predictions.name, of_folder(predictions, dataset.layout), None)


def evaluate_case(
    predict: Predictions, case: str, volume: Volume, truths: dict[str, np.ndarray], tolerance_mm: float = 2.0
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Scores of one case, and the predicted masks; structures that were not predicted are listed as such."""
    masks, confidences = predict(case, volume, list(truths))
    rows = []
    for name, truth in truths.items():
        row: dict[str, Any] = {"structure": name, "supported": name in masks}
        if name in masks:
            row |= asdict(score(masks[name], truth, volume.geometry.spacing, tolerance_mm))
            row["confidence"] = confidences.get(name)
        rows.append(row)
    return rows, masks


def _evaluate(dataset: Dataset, name: str, predict: Predictions, export: Path | None) -> dict[str, Any]:
    from tqdm import tqdm

    from assistant.study import open_study

    rows: list[dict[str, Any]] = []
    for case in tqdm(dataset.cases, desc="cases", unit="case"):
        volume = open_study(case.image).volume
        truths = dict(case.truths(volume.shape))
        scored, masks = evaluate_case(predict, case.name, volume, truths, dataset.tolerance_mm)
        rows += [{"case": case.name, **row} for row in scored]
        if export is not None:
            save_label_image(masks, dataset, volume, export / f"{case.name}.nii.gz")
    if export is not None and dataset.layout is not None:
        for case_name, image in tqdm(dataset.layout.test, desc="test images", unit="case"):
            volume = open_study(image).volume
            masks, _ = predict(case_name, volume, list(dataset.layout.values.values()))
            save_label_image(masks, dataset, volume, export / f"{case_name}.nii.gz")
    return {
        "segmenter": name,
        "layout": dataset.kind,
        "dataset": dataset.layout.name if dataset.layout else "",
        "tolerance_mm": dataset.tolerance_mm,
        "cases": len(dataset.cases),
        "unmapped": list(dataset.unmapped),
        "rows": rows,
        "summary": summary_of(rows),
    }


SUMMARISED: dict[str, Callable[[Sequence[float]], float]] = {
    "dice": lambda values: float(np.mean(values)),
    "nsd": lambda values: float(np.mean(values)),
    "hd95_mm": lambda values: float(np.median(values)),
}
"""Means over cases, but the median of HD95: it has no upper limit, one lost island would rule the mean."""


def summary_of(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per structure: cases, scores over them, and the 95 % bootstrap interval of the mean Dice (None below 3 cases)."""
    summary: dict[str, dict[str, Any]] = {}
    for name in sorted({row["structure"] for row in rows}, key=list(ontology()).index):
        scored = [r for r in rows if r["structure"] == name and r.get("dice") is not None]
        if not scored:
            continue
        low, high = mean_interval([r["dice"] for r in scored]) or (None, None)
        summary[name] = {"cases": len(scored), "dice_low95": low, "dice_high95": high}
        for key, over in SUMMARISED.items():
            known = [r[key] for r in scored if r[key] is not None]
            summary[name][key] = over(known) if known else None
    return summary


def table(result: dict[str, Any]) -> str:
    """The result as tables: one row a case and structure; one row a structure where there are several cases."""
    nsd = f"NSD {result['tolerance_mm']:g} mm"
    header = ["case", "structure", "Dice", nsd, "HD95 mm", "volume error", "confidence"]
    keys = ("case", "structure", "dice", "nsd", "hd95_mm", "volume_error", "confidence")
    text = markdown(header, [[r.get(key) for key in keys] for r in result["rows"]])
    if result["cases"] > 1:
        rows = [
            [name, s["cases"], s["dice"], _range(s["dice_low95"], s["dice_high95"]), s["nsd"], s["hd95_mm"]]
            for name, s in result["summary"].items()
        ]
        summary = ["structure", "cases", "mean Dice", "95 % interval", f"mean {nsd}", "median HD95 mm"]
        text += "\n\n" + markdown(summary, rows)
    text += f"\n{result['cases']} case(s), segmenter {result['segmenter']}"
    if result["unmapped"]:
        text += f"\nnot scored, no such structure in the ontology: {', '.join(result['unmapped'])}"
    return text


def _range(low: float | None, high: float | None) -> str | None:
    return None if low is None else f"{low:.3f} to {high:.3f}"
