"""`bodymaps eval paraphrase`: does any phrasing of a structure give the structure's mask?

The planner takes no part: each phrase goes to the segmenter as it is (`EmbeddedSegmenter.segment_phrases`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from encoders.learning.text import misspell
from encoders.segmenters.base import Mask, Progress, part_of
from encoders.segmenters.embedded import EmbeddedSegmenter
from encoders.segmenters.hearing import MEANT
from encoders.volume import Volume
from eval.tables import markdown
from prompts.ontology import ontology


@dataclass(frozen=True)
class Row:
    """One structure. right: share of phrasings whose nearest structure it is; agreement: Dice of their masks with the
    mask of the canonical prompt, mean and worst. unnamed: how many phrasings hold no known name letter by letter, so
    that only their embedding says what they mean; unnamed_agreement: the mean Dice of those, None when there are none.
    """

    structure: str
    phrasings: int
    right: float
    agreement: float
    worst: float
    worst_phrase: str
    unnamed: int
    unnamed_agreement: float | None


def phrasings(structure: str, seed: int = 0) -> list[str]:
    """The phrasings of `phrasings.yaml` with the structure's names in turn, the last `slips` of them misspelt."""
    source = yaml.safe_load(files("eval").joinpath("phrasings.yaml").read_text())
    rng = np.random.default_rng(seed)
    names = ontology().names(structure)
    slips = len(source["phrasings"]) - source["slips"]
    chosen = [(n, names[n % len(names)]) for n in range(len(source["phrasings"]))]
    return [
        source["phrasings"][n].format(name=misspell(name, rng) if n >= slips else name) for n, name in chosen
    ]


def agreement(one: Mask, other: Mask) -> float:
    """Dice of two masks on one grid; 1 when both are empty."""
    total = one.voxel_count + other.voxel_count
    if not total or one.box is None or other.box is None:
        return float(total == 0)
    start = np.maximum(one.box.start, other.box.start)
    stop = np.minimum(one.box.stop, other.box.stop).clip(min=start)
    here, there = (
        mask.voxels[tuple(slice(a, b) for a, b in zip(start - box.start, stop - box.start, strict=True))]
        for mask, box in ((one, one.box), (other, other.box))
    )
    return 2.0 * float(np.count_nonzero(here & there)) / total


def measure(
    segmenter: EmbeddedSegmenter,
    volume: Volume,
    structures: list[str],
    progress: Progress | None = None,
    meant: float = MEANT,
) -> dict[str, Any]:
    """{"rows": [...], "agreement": ..., "right": ..., "unnamed_agreement": ...}: every phrasing on one CT.

    meant: see `EmbeddedSegmenter.segment_phrases`; 1 has every phrase that is no known name drawn by its own embedding.
    """
    rows, unnamed = [], []
    for number, structure in enumerate(structures):
        report = part_of(progress, number / len(structures), (number + 1) / len(structures))
        phrases = phrasings(structure)
        # a structure's id is its canonical prompt
        masks = segmenter.segment_phrases(volume, [structure, *phrases], report, meant)
        same = np.array([agreement(masks[phrase], masks[structure]) for phrase in phrases])
        near = [segmenter.nearest(phrase) for phrase in phrases]
        others = same[[similarity < 1 for _, similarity in near]]
        unnamed.append(others)
        worst = int(same.argmin())
        rows.append(
            Row(
                structure,
                len(phrases),
                float(np.mean([found == structure for found, _ in near])),
                float(same.mean()),
                float(same[worst]),
                phrases[worst],
                len(others),
                float(others.mean()) if len(others) else None,
            )
        )
    together = np.concatenate(unnamed)
    return {
        "rows": [asdict(row) for row in rows],
        "agreement": float(np.mean([row.agreement for row in rows])),
        "right": float(np.mean([row.right for row in rows])),
        "unnamed_agreement": float(together.mean()) if len(together) else None,
    }


def table(result: dict[str, Any]) -> str:
    header = ["structure", "phrasings", "right structure", "mean Dice", "worst Dice", "worst phrasing"]
    header += ["without a known name", "their mean Dice"]
    keys = [
        "structure",
        "phrasings",
        "right",
        "agreement",
        "worst",
        "worst_phrase",
        "unnamed",
        "unnamed_agreement",
    ]
    rows = [[row[key] for key in keys] for row in result["rows"]]
    closing = (
        f"Dice with the canonical prompt's mask: {result['agreement']:.3f}; right structure:"
        f" {100 * result['right']:.1f} % of {sum(r['phrasings'] for r in result['rows'])} phrasings"
    )
    if result["unnamed_agreement"] is not None:
        count = sum(r["unnamed"] for r in result["rows"])
        closing += f"; Dice of the {count} that hold no known name: {result['unnamed_agreement']:.3f}"
    return markdown(header, rows) + "\n" + closing
