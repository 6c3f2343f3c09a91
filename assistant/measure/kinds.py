"""The registry of measures: the facts of `kinds.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import yaml


@dataclass(frozen=True)
class Kind:
    """One measure.

    needs: "hu" (the pixels), "other" (a second mask), or None for the mask alone.
    applies: kinds of structure in the ontology that it is meant for; ("all",) for any.
    """

    id: str
    label: str
    unit: str
    method: str
    applies: tuple[str, ...]
    needs: Literal["hu", "other"] | None = None

    def applies_to(self, structure_kind: str) -> bool:
        return "all" in self.applies or structure_kind in self.applies


def _read() -> Mapping[str, Kind]:
    records = yaml.safe_load(files(__package__).joinpath("kinds.yaml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {id: Kind(id, **{**record, "applies": tuple(record["applies"])}) for id, record in records.items()}
    )


KINDS: Mapping[str, Kind] = _read()
"""Measure id to its facts, in the order of the public contract."""
