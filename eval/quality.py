"""What the assistant says about its model: measured scores turned into a level per structure.

`encoders/weights/quality.json` is written from two measurements of the same weights: the demo CT, which is never
trained on, and the cases that the recipe holds out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from encoders.learning.cases import Case
from encoders.postprocess import plausible
from encoders.segmenters.base import Mask
from encoders.segmenters.embedded import PASSES, EmbeddedSegmenter
from encoders.volume import Volume
from eval.calibration import calibrate
from eval.dataset import references
from eval.held_out import held_out_cases, score_case, volume_of
from eval.lesion_rules import MOST_FALSE, Chosen, choose_rules
from eval.scores import score
from eval.tables import markdown
from prompts.ontology import ontology

VALIDATED_DICE = 0.80
EXPERIMENTAL_DICE = 0.30
SENSITIVITY = 0.80
"""Of lesions of 10 mm and more, at no more false ones than `MOST_FALSE`: what makes one worth offering."""


@dataclass(frozen=True)
class Score:
    """One structure of one case. source: what it was compared with."""

    structure: str
    case: str
    dice: float
    nsd: float
    source: str


def level(dices: Sequence[float]) -> str:
    """validated at a mean Dice of 0.80 or more, experimental at 0.30 or more, else unsupported."""
    mean = float(np.mean(dices))
    if mean >= VALIDATED_DICE:
        return "validated"
    return "experimental" if mean >= EXPERIMENTAL_DICE else "unsupported"


def entry(structure: str, scores: Sequence[Score], looked_plausible: bool) -> dict[str, Any]:
    """One structure of `quality.json`."""
    own = [s for s in scores if s.structure == structure]
    if own:
        dices = [s.dice for s in own]
        return {
            "level": level(dices),
            "dice": round(float(np.mean(dices)), 3),
            "cases": len({s.case for s in own}),
            "note": "compared with the air in the chest" if {s.source for s in own} == {"rule"} else "",
        }
    if looked_plausible:
        note = "not measured: no reference; its volume and density are plausible on a held-out CT"
        return {"level": "experimental", "dice": None, "cases": 0, "note": note}
    return {"level": "unsupported", "dice": None, "cases": 0, "note": "no reference, and not plausible"}


def lesion_entry(chosen: Chosen) -> dict[str, Any]:
    """One lesion of `quality.json`: offered when enough planted ones are found with few false ones."""
    good = chosen.sensitivity >= SENSITIVITY and chosen.false_a_scan <= MOST_FALSE
    note = (
        f"{chosen.found} of {chosen.lesions_of_10_mm} planted lesions of 10 mm or more were found, with "
        f"{chosen.false_a_scan:.2g} false ones a scan; never measured on real lesions"
    )
    return {"level": "experimental" if good else "unsupported", "dice": None, "cases": 0, "note": note}


def measure_quality(
    weights: Path,
    closer: Sequence[Path],
    recipe: Path,
    data: Path,
    demo: Path,
    planted: Path | None = None,
    tested: Path | None = None,
    folds: Path | None = None,
) -> dict[str, Any]:
    """The content of `quality.json`: a level per trained structure and every score behind it.

    weights, closer: files of `bodymaps train`, of the first pass and of those after it. recipe, data: as in training of
    the last pass. folds: a file that names passes for cases that these were trained on, such as
    `encoders/learning/folds.yaml`; those are scored and calibrated there. demo: a case folder with ct.nii.gz and STL.
    planted: a data set with lesions in CTs, on which the rules for lesions are chosen; without one none is offered.
    tested: another, in CTs that chose nothing, on which these rules are measured.
    """
    from assistant.study import open_study
    from encoders.learning.recipe import read_recipe

    segmenter = EmbeddedSegmenter(weights, closer)
    trained = sorted(segmenter.supported())
    study = open_study(demo / "ct.nii.gz")
    truths = dict(references(demo, study.volume.shape))
    wanted = [name for name in truths if name in trained]
    masks = segmenter.segment(study.volume, wanted)
    scores = []
    for name in wanted:
        found = score(masks[name].full(), truths[name], study.volume.geometry.spacing)
        scores.append(Score(name, demo.name, found.dice or 0.0, found.nsd or 0.0, "reference mesh"))
    fits: dict[str, list[bool]] = {name: [] for name in trained}
    content = read_recipe(recipe)
    others = read_folds(folds, weights) if folds else {}

    def unseen(case: Case) -> tuple[Path, ...]:
        return others.get(case.name, (weights, *closer))

    def held_out(spacing_mm: float) -> list[Case]:
        return held_out_cases(content, data, spacing_mm, others)

    for case in held_out(content["model"]["spacing_mm"]):
        volume = volume_of(case)
        first, *rest = unseen(case)
        found_masks = EmbeddedSegmenter(first, rest).segment(volume, trained)
        for name, mask in found_masks.items():
            fits[name] += _fits(mask, volume)
        scores += [
            Score(row.structure, row.case, row.dice, row.nsd, row.source)
            for row in score_case(found_masks, case, volume)
        ]
    table = {name: entry(name, scores, bool(fits[name]) and all(fits[name])) for name in trained}
    chosen = choose_rules(segmenter, planted, tested) if planted else {}
    for organ in chosen.values():
        table |= {lesion: lesion_entry(organ) for lesion in organ.lesions}
    return {
        "structures": table,
        "lesions": {lesion: organ.rule for organ in chosen.values() for lesion in organ.lesions},
        "planted": {name: asdict(organ) for name, organ in chosen.items()},
        "scores": [asdict(s) for s in scores],
        "calibration": _calibrations(segmenter, unseen, held_out),
    }


def read_folds(path: Path, weights: Path) -> dict[str, tuple[Path, ...]]:
    """{case: files of the passes that never saw it}; `weights` is the first of them where the file names none."""
    return {
        case: (
            path.parent / passes["first"] if "first" in passes else weights,
            *(path.parent / closer for closer in passes["closer"]),
        )
        for case, passes in yaml.safe_load(path.read_text()).items()
    }


def _calibrations(
    shipped: EmbeddedSegmenter,
    unseen: Callable[[Case], tuple[Path, ...]],
    held_out: Callable[[float], Sequence[Case]],
) -> dict[str, Any]:
    """{"first": ..., "second": ...}: each pass on the held-out cases at its own spacing, where it draws organs.

    unseen: files of the passes that never saw a case. held_out: the cases on a grid of some spacing.
    """
    made = {}
    for number, (name, one) in enumerate(zip(PASSES, shipped.passes, strict=False)):
        organs = [s for s in one.model.config.structures if number in (0, shipped.drawn[s])]
        if organs := [s for s in organs if ontology()[s].kind != "lesion"]:
            scans = [(unseen(case), case) for case in held_out(one.model.config.spacing_mm)]
            models = [(EmbeddedSegmenter(p[0], p[1:] if number else ()), case) for p, case in scans]
            made[name] = calibrate(models, organs)
    return made


def _fits(mask: Mask, volume: Volume) -> list[bool]:
    """Whether a mask on a CT is plausible; [] when none is there, or the scan may have cut off what is not."""
    if mask.box is None:
        return []
    fits = plausible(mask.structure, volume.hu[mask.box.slices][mask.voxels], volume.geometry.voxel_ml)
    return [fits] if fits or not mask.box.touches_edge(volume.geometry.shape) else []


def markdown_of(table: dict[str, Any]) -> str:
    """The scores by structure and case, what they were compared with, and the levels, as Markdown tables."""
    scores = table["scores"]
    cases = list(dict.fromkeys(s["case"] for s in scores))
    cells = {(s["structure"], s["case"]): f"{s['dice']:.3f} / {s['nsd']:.3f}" for s in scores}
    names = sorted({s["structure"] for s in scores})
    sources: dict[tuple[str, str], list[str]] = {}
    for s in scores:
        sources.setdefault((s["case"], s["source"]), []).append(s["structure"])
    levels = [[n, e["level"], e["dice"], e["cases"], e["note"]] for n, e in table["structures"].items()]
    return "\n\n".join(
        [
            markdown(["Dice / NSD 2 mm", *cases], [[n, *(cells.get((n, c)) for c in cases)] for n in names]),
            markdown(
                ["case", "compared with", "structures"], [[*k, ", ".join(v)] for k, v in sources.items()]
            ),
            markdown(["structure", "level", "mean Dice", "cases", "note"], levels),
        ]
    )
