"""Scores of weights on the cases that a training recipe holds out, on a model's own grid.

Only what a case knows takes part: structures that it labels completely, and, for machine labels, only the voxels
where they can be trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encoders import levels
from encoders.geometry import Geometry
from encoders.learning.cases import Case
from encoders.learning.loading import load_cases
from encoders.packages import cache_dir
from encoders.segmenters.base import Mask
from encoders.volume import Volume
from eval.scores import score
from prompts.ontology import ontology


@dataclass(frozen=True)
class Row:
    """One structure of one case. source: "reference", "rule", "drawn by eye", "machine labels", or a network."""

    case: str
    structure: str
    dice: float
    nsd: float
    source: str


def held_out_cases(
    recipe: dict[str, Any], data: Path, spacing_mm: float, others: Collection[str] = ()
) -> list[Case]:
    """The cases that any phase of the recipe holds out, and those named, on a grid of this spacing."""
    names = {name for phase in recipe["phases"] for name in phase.get("hold_out", ())} | set(others)
    entries = [entry for entry in recipe["cases"] if entry["name"] in names]
    return load_cases(entries, data, spacing_mm, cache_dir() / "cases")


def volume_of(case: Case) -> Volume:
    """A case as a CT on a RAS+ grid of its spacing."""
    assert case.hu is not None
    return Volume(case.hu, Geometry(case.hu.shape, np.diag([*[case.spacing_mm] * 3, 1.0])))


def _leaves(name: str) -> set[str]:
    return set(ontology().leaves(name)) if name in ontology() else {name}


def truths(case: Case, structures: Sequence[str]) -> Iterator[tuple[str, np.ndarray, np.ndarray, str]]:
    """(structure, reference mask, voxels that count, source) for what the case knows and shows."""
    for structure in structures:
        leaves = set(ontology().leaves(structure))
        values = [v for v, name in enumerate(case.names) if v and _leaves(name) <= leaves]
        mask = np.isin(case.labels, values)
        if not mask.any():
            continue
        if structure in case.complete or leaves <= case.complete:
            made = {case.sources.get(name) for name in (leaves & case.complete) | {structure}} - {None}
            yield structure, mask, np.ones(mask.shape, bool), ", ".join(sorted(map(str, made))) or "reference"
        elif structure in case.weak or leaves <= case.weak | case.complete:
            trusted = case.trusted if case.trusted is not None else np.ones(mask.shape, bool)
            yield structure, mask, trusted | (case.labels > 0), "machine labels"


def score_case(masks: Mapping[str, Mask], case: Case, volume: Volume) -> list[Row]:
    """The masks that the case can judge; what it does not trust is left out of the masks.

    Vertebral levels have no row where the model found no sacrum to count them from: it says so instead.
    """
    anchor = masks.get(levels.ANCHOR)
    uncounted = levels.names() if anchor is not None and not anchor.present else ()
    rows = []
    for name, truth, counts, source in truths(case, [n for n in masks if n not in uncounted]):
        result = score(masks[name].full() & counts, truth, volume.geometry.spacing)
        assert result.dice is not None
        assert result.nsd is not None
        rows.append(Row(case.name, name, result.dice, result.nsd, source))
    return rows
