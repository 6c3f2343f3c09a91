"""Phantom scans by name: `scans.yaml`, whose solids are the truth that answers are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from encoders.geometry import Geometry
from encoders.volume import Volume
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint
from prompts.ontology import ontology

REGISTRY = Path(__file__).with_name("scans.yaml")
SHAPES: dict[str, type[Ellipsoid] | type[Tube] | type[Block]] = {
    "ellipsoid": Ellipsoid,
    "tube": Tube,
    "block": Block,
}


@dataclass(frozen=True)
class Part:
    """A structure of a phantom, or one of its lesions. inside: the organ that holds all of it; region: part of that."""

    structure: str
    solid: Solid
    hu: float
    inside: str | None = None
    region: str | None = None


@dataclass(frozen=True, eq=False)
class Scan:
    """A phantom on a grid. noise: standard deviation of the pixels in HU."""

    name: str
    geometry: Geometry
    body: Part
    parts: tuple[Part, ...]
    noise: float = 0.0

    def of(self, structure: str) -> tuple[Part, ...]:
        """The parts that are this structure; none when the phantom does not have it."""
        return tuple(part for part in self.parts if part.structure == structure)

    @cached_property
    def volume(self) -> Volume:
        """The painted CT."""
        solids = [(part.solid, part.hu) for part in (self.body, *self.parts)]
        return paint(self.geometry, solids, noise=self.noise)

    def write(self, folder: Path) -> Path:
        """The painted CT as a NIfTI file."""
        import nibabel as nib

        path = folder / f"{self.name}.nii"
        nib.save(nib.Nifti1Image(np.asarray(self.volume.hu), self.geometry.affine), path)
        return path


@cache
def registry() -> dict[str, Any]:
    """`scans.yaml` as data."""
    return yaml.safe_load(REGISTRY.read_text("utf-8"))


def scan_names() -> list[str]:
    return list(registry()["scans"])


@cache
def scan(name: str) -> Scan:
    """A phantom scan of the registry."""
    record = _whole(registry()["scans"][name])
    parts = tuple(_part(entry) for entry in record["solids"])
    body = _part(record["body"] | {"structure": "body"})
    if record.get("mirror"):
        parts = tuple(map(_mirrored, parts))
    return Scan(name, grid(**record["grid"]), body, parts, record.get("noise", 0.0))


@cache
def known_structures() -> frozenset[str]:
    """What a perfect segmenter can be asked for: all that any scan has, and what is known to be absent."""
    there = {part.structure for name in scan_names() for part in scan(name).parts}
    return frozenset(there | set(registry()["also"]))


def _whole(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without `like`, `without` and `add`: they are worked into its solids."""
    base = _whole(registry()["scans"][record["like"]]) if "like" in record else {"solids": [], "grid": {}}
    solids = record.get("solids", base["solids"])
    solids = [s for s in solids if s["structure"] not in record.get("without", ())]
    changes = {k: v for k, v in record.items() if k not in ("like", "without", "add", "solids", "grid")}
    return (
        base
        | changes
        | {"solids": [*solids, *record.get("add", ())], "grid": base["grid"] | record.get("grid", {})}
    )


def _part(record: Mapping[str, Any]) -> Part:
    (shape,) = set(record) & set(SHAPES)
    numbers: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record[shape].items()}
    solid = SHAPES[shape](**numbers)
    return Part(record["structure"], solid, record["hu"], record.get("inside"), record.get("region"))


def _mirrored(part: Part) -> Part:
    """The part in the mirror image of the patient: left and right are exchanged."""

    def across(point: tuple[float, float, float]) -> tuple[float, float, float]:
        return -point[0], point[1], point[2]

    solid = part.solid
    if isinstance(solid, Tube):
        solid = replace(solid, start=across(solid.start), end=across(solid.end))
    elif isinstance(solid, Ellipsoid | Block):
        about_x, about_y, about_z = solid.turn
        solid = replace(solid, centre=across(solid.centre), turn=(about_x, -about_y, -about_z))
    return replace(
        part,
        structure=other_side(part.structure),
        solid=solid,
        inside=part.inside and other_side(part.inside),
    )


def other_side(structure: str) -> str:
    """The same structure on the other side; a structure without a side is its own."""
    return ontology().counterpart(structure) or structure
