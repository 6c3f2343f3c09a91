"""`bodymaps eval paraphrase`: does any phrasing of a structure give the structure's mask?

Only the text encoder and the decoder take part, not the planner: each phrase goes to the model as its own embedding.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from encoders.learning.text import misspell
from encoders.segmenters.base import Mask, Progress
from encoders.segmenters.embedded import EmbeddedSegmenter
from encoders.volume import Volume
from eval.tables import markdown
from prompts.ontology import ontology


@dataclass(frozen=True)
class Row:
    """One structure. right: share of phrasings whose embedding is nearest to it; agreement: Dice of their masks with
    the mask of the canonical prompt, mean and worst.
    """

    structure: str
    phrasings: int
    right: float
    agreement: float
    worst: float
    worst_phrase: str


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
    return 2.0 * float((one.full() & other.full()).sum()) / total if total else 1.0


def measure(
    segmenter: EmbeddedSegmenter, volume: Volume, structures: list[str], progress: Progress | None = None
) -> dict[str, Any]:
    """{"rows": [...], "mean": ..., "right": ...}: every phrasing of every structure on one CT."""
    canonical = segmenter.segment(volume, structures)
    rows = []
    for number, structure in enumerate(structures):
        phrases = phrasings(structure)
        same = [
            agreement(segmenter.segment_phrase(volume, phrase), canonical[structure]) for phrase in phrases
        ]
        right = [segmenter.nearest(phrase)[0] == structure for phrase in phrases]
        worst = int(np.argmin(same))
        rows.append(
            Row(
                structure,
                len(phrases),
                float(np.mean(right)),
                float(np.mean(same)),
                same[worst],
                phrases[worst],
            )
        )
        if progress:
            progress((number + 1) / len(structures), structure)
    return {
        "rows": [asdict(row) for row in rows],
        "agreement": float(np.mean([row.agreement for row in rows])),
        "right": float(np.mean([row.right for row in rows])),
    }


def table(result: dict[str, Any]) -> str:
    header = ["structure", "phrasings", "right structure", "mean Dice", "worst Dice", "worst phrasing"]
    keys = ["structure", "phrasings", "right", "agreement", "worst", "worst_phrase"]
    rows = [[row[key] for key in keys] for row in result["rows"]]
    closing = (
        f"Dice with the canonical prompt's mask: {result['agreement']:.3f}; right structure:"
        f" {100 * result['right']:.1f} % of {sum(r['phrasings'] for r in result['rows'])} phrasings"
    )
    return markdown(header, rows) + "\n" + closing
