"""Training cases: CT and labels on one RAS+ grid, with what is known about each structure.

A voxel without a label is background only for the structures that the case labels completely; for all others it is
unknown and takes no part in the loss (the partial-label setting of the Universal Model).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encoders.files import replacing

OUTSIDE = "outside"
"""Name of the label of everything outside the body."""

UNCERTAIN = "uncertain"
"""Name of the label of voxels where an earlier model was not sure: unknown for every structure."""


@dataclass(frozen=True, eq=False)
class Case:
    """One CT or label map on a RAS+ grid.

    hu: (X, Y, Z) int16 Hounsfield units, or None when only labels exist and the image is synthesised.
    labels: (X, Y, Z) uint8, `names[value]` is the structure; value 0 is unlabelled.
    sources: who made the label of a complete structure, where it is no plain reference: "rule" (`rules`), "drawn by
    eye" (`outlines`), or the name that a recipe gives to a network.
    trusted: (X, Y, Z) bool: where a missing label of a `weak` structure may be believed.
    complete: structures of which every voxel in the image carries the label.
    weak: structures labelled by a machine: complete only inside `trusted`.
    """

    name: str
    spacing_mm: float
    hu: np.ndarray | None
    labels: np.ndarray
    names: tuple[str, ...]
    complete: frozenset[str]
    weak: frozenset[str]
    trusted: np.ndarray | None
    sources: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        meta = {
            "name": self.name,
            "spacing_mm": self.spacing_mm,
            "names": self.names,
            "complete": sorted(self.complete),
            "weak": sorted(self.weak),
            "sources": dict(self.sources),
        }
        arrays: dict[str, Any] = {"labels": self.labels, "meta": np.array(json.dumps(meta))}
        if self.hu is not None:
            arrays["hu"] = self.hu
        if self.trusted is not None:
            arrays["trusted"] = self.trusted
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **arrays)

    @classmethod
    def load(cls, path: Path) -> Case:
        with np.load(path) as data:
            meta = json.loads(str(data["meta"]))
            return cls(
                name=meta["name"],
                spacing_mm=meta["spacing_mm"],
                hu=data.get("hu"),
                labels=data["labels"],
                names=tuple(meta["names"]),
                complete=frozenset(meta["complete"]),
                weak=frozenset(meta["weak"]),
                trusted=data.get("trusted"),
                sources=meta.get("sources", {}),
            )
