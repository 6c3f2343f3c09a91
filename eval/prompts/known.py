"""What is known of a scan: which structures are there, where, how large. Phantoms by formula, the demo CT by meshes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from eval import truth
from eval.phantoms import rasterise
from eval.scans import Part, Scan, known_structures, scan
from prompts.ontology import ontology

DEMO = "demo"
"""The name of the demo CT as a scan."""


@dataclass(frozen=True, eq=False)
class Item:
    """One structure, or one lesion, that is in the scan.

    value: the true value of a measure, None where none is known. start, stop: its tight box in voxel coordinates
    of the faces (half-open). cut: the faces of the scan that cut it off.
    """

    structure: str
    value: Callable[[str], float | None]
    draw: Callable[[], npt.NDArray[np.bool_]]
    start: npt.NDArray[np.float64]
    stop: npt.NDArray[np.float64]
    cut: tuple[str, ...] = ()
    inside: str | None = None
    region: str | None = None
    part: Part | None = None

    @cached_property
    def mask(self) -> Mask:
        return Mask.from_full(self.structure, self.draw(), 1.0)

    @property
    def centre(self) -> npt.NDArray[np.float64]:
        """In voxel coordinates."""
        return (self.start + self.stop) / 2 - 0.5


class Known(Protocol):
    """name, geometry: of the scan. knows: whether anything is known of a structure. items: what of it is there."""

    @property
    def name(self) -> str: ...

    @property
    def geometry(self) -> Geometry: ...

    def knows(self, structure: str) -> bool: ...

    def items(self, structure: str) -> tuple[Item, ...]: ...

    def distance(self, first: Item, second: Item) -> float | None: ...

    def open(self, folder: Path) -> Path:
        """The scan as a file."""
        ...


@dataclass(eq=False)
class Phantom:
    """A scan of the registry: everything is known."""

    scan: Scan
    _items: dict[str, tuple[Item, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.scan.name

    @property
    def geometry(self) -> Geometry:
        return self.scan.geometry

    def knows(self, structure: str) -> bool:
        return structure in known_structures()

    def items(self, structure: str) -> tuple[Item, ...]:
        if structure not in self._items:
            parts = self.scan.of(structure)
            self._items[structure] = tuple(item for part in parts if (item := self._item(part)))
        return self._items[structure]

    def distance(self, first: Item, second: Item) -> float | None:
        assert first.part is not None
        assert second.part is not None
        return truth.distance(first.part.solid, second.part.solid)

    def open(self, folder: Path) -> Path:
        return self.scan.write(folder)

    def _item(self, part: Part) -> Item | None:
        """None when the part lies wholly outside the scan."""
        where = truth.extent(part.solid, self.geometry)
        if not where.seen:
            return None
        return Item(
            part.structure,
            lambda kind: truth.value(kind, part, self.scan),
            lambda: rasterise(part.solid, self.geometry),
            where.start,
            where.stop,
            where.cut,
            part.inside,
            part.region,
            part,
        )


@dataclass(eq=False)
class DemoScan:
    """The demo CT: what its reference meshes show is known, nothing else."""

    name: str = DEMO
    _items: dict[str, tuple[Item, ...]] = field(default_factory=dict)

    @cached_property
    def geometry(self) -> Geometry:
        import nibabel as nib

        image = nib.load(self.open(Path()))
        i, j, k = image.shape  # type: ignore[attr-defined]
        return Geometry((i, j, k), image.affine)  # type: ignore[attr-defined]

    def knows(self, structure: str) -> bool:
        from assistant.demo import demo

        return f"{structure}.stl" in demo()["files"]

    def items(self, structure: str) -> tuple[Item, ...]:
        if structure not in self._items:
            self._items[structure] = (self._item(structure),) if self.knows(structure) else ()
        return self._items[structure]

    def distance(self, first: Item, second: Item) -> float | None:
        return None

    def open(self, folder: Path) -> Path:
        from assistant.demo import demo_study

        return demo_study()

    def _item(self, structure: str) -> Item:
        """Volume and extent of the closed surface itself; its vertices are voxel indices of the CT."""
        from assistant.demo import demo_references
        from eval.references import load_stl, voxelise

        mesh = load_stl(demo_references([structure]) / f"{structure}.stl")
        triangles = np.asarray(mesh.triangles, np.float64)
        corners = triangles.reshape(-1, 3)
        world = self.geometry.to_world(corners)
        values = {
            "volume": abs(float(mesh.volume)) * self.geometry.voxel_ml,
            "craniocaudal_extent": float(np.ptp(world[:, 2])),
        }
        low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
        return Item(structure, values.get, lambda: voxelise(triangles, self.geometry.shape), low, high)


@cache
def known(name: str) -> Known:
    """What is known of a scan by its name."""
    return DemoScan() if name == DEMO else Phantom(scan(name))


def present(scan: Known, target: str) -> list[tuple[str, tuple[Item, ...]]]:
    """A target as the structures that are known of it, each with what is there: groups become their members."""
    if scan.knows(target):
        return [(target, scan.items(target))]
    return [entry for child in ontology()[target].children for entry in present(scan, child)]
