"""`bodymaps eval detection`: does a patient have lesions, are they found, and how many are false?

The protocol of FELIX with the published machinery of RadGPT: a patient is positive when more than a threshold of lesion
volume was found, the threshold being swept; hits at the right place are counted apart from right decisions. A target is
a lesion id, or an organ, which stands for any lesion in it.

A data set is one of `bodymaps eval segmentation`. A case in which no lesion of a target is drawn counts as without:
point it only at data where lesions were looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cc3d
import numpy as np

from encoders.errors import BodyMapsError
from eval.dataset import read_dataset
from eval.intervals import Share
from eval.predictions import Predictions
from eval.tables import markdown
from prompts.ontology import ontology

SIZES_MM = (5.0, 10.0, 20.0)
"""Borders of the size bins: under 5, 5 to 10, 10 to 20, 20 mm and more."""

THRESHOLDS_MM3 = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 250, 300, 500)
"""Those that RadGPT sweeps; 70 is its default."""

DEFAULT_MM3 = 70.0


@dataclass(frozen=True)
class Lesion:
    """A reference lesion.

    diameter_mm: of the sphere of its volume. found_mm3: the largest predicted piece that it meets, 0 for none.
    """

    diameter_mm: float
    found_mm3: float


@dataclass(frozen=True)
class Patient:
    """One case and target. pieces_mm3: predicted pieces, largest first; right: whether each meets a lesion."""

    case: str
    target: str
    lesions: tuple[Lesion, ...]
    pieces_mm3: tuple[float, ...]
    right: tuple[bool, ...]

    def decision(self, threshold: float) -> bool:
        return any(piece > threshold for piece in self.pieces_mm3)

    def hit(self, threshold: float) -> bool:
        """Whether a piece above the threshold lies on a lesion."""
        return any(r and p > threshold for p, r in zip(self.pieces_mm3, self.right, strict=True))

    def false_positives(self, threshold: float) -> int:
        return sum(not r and p > threshold for p, r in zip(self.pieces_mm3, self.right, strict=True))


def examine(
    case: str,
    target: str,
    predicted: np.ndarray,
    truth: np.ndarray,
    voxel_ml: float,
    unasked: np.ndarray | None = None,
) -> Patient:
    """Predicted pieces and reference lesions of one case: bool arrays of one shape; both split 26-connected.

    unasked: lesions that count neither way: a piece that meets one and no reference is left out.
    """
    voxel_mm3 = 1000 * voxel_ml
    pieces, piece_count = cc3d.connected_components(predicted, connectivity=26, return_N=True)
    lesions, lesion_count = cc3d.connected_components(truth, connectivity=26, return_N=True)
    piece_sizes = np.bincount(pieces.ravel(), minlength=piece_count + 1) * voxel_mm3
    lesion_sizes = np.bincount(lesions.ravel(), minlength=lesion_count + 1) * voxel_mm3
    both = predicted & truth
    pairs = np.unique(np.stack([pieces[both], lesions[both]]), axis=1)
    found = []
    for lesion in range(1, lesion_count + 1):
        met = piece_sizes[pairs[0][pairs[1] == lesion]]
        diameter = float(np.cbrt(6 / np.pi * lesion_sizes[lesion]))
        found.append(Lesion(diameter, float(met.max()) if len(met) else 0.0))
    order = 1 + np.argsort(-piece_sizes[1:], kind="stable")
    if unasked is not None:
        excused = np.setdiff1d(pieces[predicted & unasked], pairs[0])
        order = order[~np.isin(order, excused)]
    return Patient(
        case,
        target,
        tuple(found),
        tuple(float(piece_sizes[p]) for p in order),
        tuple(bool(p in pairs[0]) for p in order),
    )


def members(target: str) -> tuple[str, ...]:
    """The lesion ids that a target stands for. Raises BodyMapsError for a structure without lesions."""
    words = ontology()
    if words[target].kind == "lesion":
        return (target,)
    own = tuple(
        dict.fromkeys(x for organ in (target, *words.leaves(target)) for x in words.lesions_of(organ))
    )
    if not own:
        raise BodyMapsError(
            f"no lesions are known in '{target}': give a lesion such as liver_tumor, or its organ"
        )
    return own


def evaluate(predict: Predictions, folder: Path, targets: Sequence[str]) -> dict[str, Any]:
    """All cases of a data set. Raises BodyMapsError when nothing of the targets can be looked for."""
    from tqdm import tqdm

    from assistant.study import open_study

    patients: list[Patient] = []
    unsupported: set[str] = set()
    cases = read_dataset(folder).cases
    for case in tqdm(cases, desc="cases", unit="case"):
        volume = open_study(case.image).volume
        wanted = list(dict.fromkeys(lesion for target in targets for lesion in members(target)))
        truths = {lesion: mask for lesion, mask in case.truths(volume.shape) if lesion in wanted}
        masks, _ = predict(case.name, volume, wanted)
        unsupported |= set(wanted) - set(masks)
        unasked = case.unasked(volume.shape)
        for target in targets:
            own = members(target)
            if not any(lesion in masks for lesion in own):
                continue
            predicted, truth = (_union(source, own, volume.shape) for source in (masks, truths))
            patients.append(examine(case.name, target, predicted, truth, volume.geometry.voxel_ml, unasked))
    if not patients:
        raise BodyMapsError(f"none of {', '.join(targets)} can be looked for: choose other targets with -t")
    return {
        "cases": len(cases),
        "unsupported": sorted(unsupported),
        "targets": {t: summary(found) for t in targets if (found := [p for p in patients if p.target == t])},
        "patients": [asdict(p) for p in patients],
    }


def _union(masks: dict[str, np.ndarray], names: Sequence[str], shape: tuple[int, int, int]) -> np.ndarray:
    chosen = [masks[name] for name in names if name in masks]
    return np.logical_or.reduce(chosen) if chosen else np.zeros(shape, bool)


def at_threshold(patients: Sequence[Patient], threshold: float) -> dict[str, Any]:
    """Patient-level sensitivity, specificity and location hits, lesion-level sensitivity, false positives a scan."""
    ill, well = [p for p in patients if p.lesions], [p for p in patients if not p.lesions]
    lesions = [lesion for p in patients for lesion in p.lesions]
    false = [p.false_positives(threshold) for p in patients]
    return {
        "threshold_mm3": threshold,
        "sensitivity": Share.of([p.decision(threshold) for p in ill]).to_dict(),
        "specificity": Share.of([not p.decision(threshold) for p in well]).to_dict(),
        "location_hits": Share.of([p.hit(threshold) for p in ill]).to_dict(),
        "lesions": {
            name: Share.of([lesion.found_mm3 > threshold for lesion in chosen]).to_dict()
            for name, chosen in _by_size(lesions).items()
        },
        "false_positives_per_scan": float(np.mean(false)) if false else None,
    }


def _by_size(lesions: Sequence[Lesion]) -> dict[str, list[Lesion]]:
    """All lesions, those of 10 mm and more, and each size bin."""
    low, middle, high = SIZES_MM
    bins = {
        "all": (0.0, np.inf),
        f">= {middle:g} mm": (middle, np.inf),
        f"< {low:g} mm": (0.0, low),
        f"{low:g}-{middle:g} mm": (low, middle),
        f"{middle:g}-{high:g} mm": (middle, high),
        f">= {high:g} mm": (high, np.inf),
    }
    return {n: [x for x in lesions if a <= x.diameter_mm < b] for n, (a, b) in bins.items()}


def summary(patients: Sequence[Patient]) -> dict[str, Any]:
    """The default threshold's figures and the sweep of one target."""
    return {
        "default": at_threshold(patients, DEFAULT_MM3),
        "sweep": [at_threshold(patients, t) for t in THRESHOLDS_MM3],
    }


def table(result: dict[str, Any]) -> str:
    """One line a target and measure at the default threshold, then the sweep."""
    rows: list[list[object]] = []
    sweep: list[list[object]] = []
    for target, found in result["targets"].items():
        at = found["default"]
        shares = [("patients: sensitivity", at["sensitivity"]), ("patients: specificity", at["specificity"])]
        shares += [("patients: at the right place", at["location_hits"])]
        shares += [(f"lesions {name}", share) for name, share in at["lesions"].items()]
        rows += [[target, name, s["value"], _interval(s), s["right"], s["n"]] for name, s in shares if s["n"]]
        rows.append(
            [target, "false positives a scan", at["false_positives_per_scan"], None, None, result["cases"]]
        )
        sweep += [
            [
                target,
                int(a["threshold_mm3"]),
                a["sensitivity"]["value"],
                a["specificity"]["value"],
                a["false_positives_per_scan"],
            ]
            for a in found["sweep"]
        ]
    text = markdown(["target", "measure", "value", "95 % interval", "right", "n"], rows)
    text += "\n\n" + markdown(
        ["target", "threshold mm3", "sensitivity", "specificity", "false positives"], sweep
    )
    text += f"\n{result['cases']} case(s); a piece counts above {DEFAULT_MM3:g} mm3"
    if result["unsupported"]:
        text += f"\nnot looked for, unsupported: {', '.join(result['unsupported'])}"
    return text


def _interval(share: dict[str, Any]) -> str | None:
    low, high = share["low95"], share["high95"]
    return None if low is None else f"{low:.2f} to {high:.2f}"
