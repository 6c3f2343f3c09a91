"""What one optimiser step learns from: a window of a random case, its image, and the truth at some of its voxels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from encoders.learning.cases import Case
from encoders.learning.implants import implant
from encoders.learning.lesion_settings import LESIONS
from encoders.learning.lesion_shapes import load_shapes
from encoders.learning.lesion_targets import host_labels, lesion_points, real_lesions, supervise
from encoders.learning.loading import load_cases, load_transplants
from encoders.learning.losses import TargetTable
from encoders.learning.sampling import Fields, Window, draw, fields
from encoders.learning.synthesis import acquire, paint, recolour
from encoders.learning.tumours import add_tumours
from encoders.packages import cache_dir
from encoders.universal import ModelConfig
from prompts.ontology import ontology


class Sample(NamedTuple):
    """One window, and what is asked about it.

    truth: (2, c, N) targets and validity of `classes` on every second voxel, from `lattice` on. points: (P,) flat
    indices of the voxels that teach the lesion classes, and their (2, l, P) targets and validity; None without lesions.
    """

    hu: Tensor  # (1, X, Y, Z) Hounsfield units
    position: Tensor  # (1, 2, X, Y, Z)
    truth: Tensor
    classes: Tensor
    lattice: tuple[int, int, int]
    points: tuple[Tensor, Tensor] | None

    def to(self, where: torch.device) -> Sample:
        """The same on a device; `classes` only index, and stay."""
        points = self.points and (self.points[0].to(where), self.points[1].to(where))
        return self._replace(
            hu=self.hu.to(where), position=self.position.to(where), truth=self.truth.to(where), points=points
        )


class Sampler:
    """Cases of a recipe, and what is known about them.

    Args:
        recipe: the content of a recipe file.
        data: folder that the recipe's paths are relative to.
        config: grid, window and structures of the model.
        rng: chooses the voxels that windows are centred on.
    """

    def __init__(
        self, recipe: dict[str, Any], data: Path, config: ModelConfig, rng: np.random.Generator
    ) -> None:
        self.recipe, self.config = recipe, config
        cases, self.weights = _weighted_cases(recipe, data, config.spacing_mm)
        self.cases = [fields(case, rng) for case in cases]
        known = ontology()

        def leaves(name: str) -> tuple[str, ...]:
            return known.leaves(name) if name in known else (name,)

        self.tables = {c.case.name: TargetTable(c.case, config.structures, leaves) for c in self.cases}
        tumours = recipe.get("tumours")
        self.shapes = None if tumours is None else load_shapes(data / tumours["shapes"])
        self.hosts = {c.case.name: host_labels(c.case.names) for c in self.cases}
        self.labelled = {c.case.name: real_lesions(c.case.names) for c in self.cases}
        places = [n for n, s in enumerate(config.structures) if s in LESIONS]
        self.lesions = torch.tensor(places, dtype=torch.long)
        self.unknown = recipe.get("unknown", {})  # lesions that a case may have without a label
        self.absent = recipe.get("absent", {})  # lesions that a case surely has not

    def sample(self, phase: Mapping[str, Any], rng: np.random.Generator) -> Sample:
        """A window of a random case, painted or real, with lesions planted in it when the recipe says so.

        phase: one of the recipe's `phases`. The same `rng` state gives the same sample.
        """
        source, synthetic = self._pick(phase, rng)
        favoured, share = self.recipe.get("favoured", ()), self.recipe.get("favoured_share", 0.45)
        window = draw(source, self.config.window, rng, favoured, share)
        names = source.case.names
        if synthetic or window.hu is None:
            hu, strength = paint(window, names, rng, blobs=self.shapes is None), 1.0
        else:
            hu = recolour(window.hu, window, names, rng)
            strength = float(rng.uniform(*self.recipe.get("strength", (0.5, 0.5))))
        lesions = None
        if self.shapes is not None:
            how = self.recipe["tumours"]
            only, favoured = how.get("only", ()), how.get("favoured", {})
            spacing = self.config.spacing_mm
            hu, lesions = add_tumours(hu, window.labels, names, spacing, rng, self.shapes, only, favoured)
            lesions = torch.maximum(lesions, self.labelled[source.case.name][window.labels])
        hu = acquire(hu, rng, strength)
        i, j, k = (int(v) for v in rng.integers(0, 2, 3))
        lattice = slice(i, None, 2), slice(j, None, 2), slice(k, None, 2)
        target, known = self._truth(source, window, lesions, lambda volume: volume[lattice].reshape(-1))
        classes = self._classes(target, known, phase, rng)
        points = None
        if lesions is not None and len(self.lesions):
            chosen = lesion_points(window.labels, lesions, self.hosts[source.case.name], rng)
            about, sure = self._truth(source, window, lesions, lambda volume: volume.reshape(-1)[chosen])
            rows = torch.stack([about[self.lesions], sure[self.lesions]]).float()
            points = chosen, rows
        truth = torch.stack([target[classes], known[classes]]).float()
        return Sample(hu[None], window.position[None], truth, classes, (i, j, k), points)

    def _pick(self, phase: Mapping[str, Any], rng: np.random.Generator) -> tuple[Fields, bool]:
        """A case that is not held out now, and whether its image is painted rather than real."""
        held = set(phase.get("hold_out", ()))
        synthetic = rng.random() < phase.get("synthetic", self.recipe["synthetic"])
        # a label map that covers the whole body can be painted, with or without a CT of its own
        pool = [
            c
            for c in self.cases
            if c.case.name not in held and (c.hu is None if synthetic else c.hu is not None)
        ]
        odds = np.array([self.weights[c.case.name] for c in pool])
        return pool[rng.choice(len(pool), p=odds / odds.sum())], synthetic

    def _classes(
        self, target: Tensor, known: Tensor, phase: Mapping[str, Any], rng: np.random.Generator
    ) -> Tensor:
        """The classes of this step: those in the window first, then random ones of which something is known.

        A phase may name the classes to focus on; the others rest.
        """
        order = target.any(1) * 2.0 + (known > 0).any(1) + torch.from_numpy(rng.random(len(target)))
        focus = phase.get("focus")
        if self.shapes is not None:
            order[self.lesions] = -1  # they have points of their own
        if focus:
            order[[n for n, name in enumerate(self.config.structures) if name not in focus]] = -1
        count = min(self.recipe.get("heads", len(order)), int((order >= 0).sum()))
        return order.topk(count).indices

    def _truth(
        self, source: Fields, window: Window, lesions: Tensor | None, of: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Targets and validity (C, N) of all classes at the voxels that `of` takes out of a volume."""
        target, known = self.tables[source.case.name](of(window.labels), of(window.trusted))
        if lesions is None:
            return target, known
        case = source.case.name
        return supervise(
            target,
            known,
            of(lesions),
            self.config.structures,
            self.unknown.get(case, ()),
            self.absent.get(case, ()),
        )


def _weighted_cases(
    recipe: Mapping[str, Any], data: Path, spacing: float
) -> tuple[list[Case], dict[str, float]]:
    """The recipe's cases, transplants and implants, and by name how often a window comes from each."""
    cases = load_cases(recipe["cases"], data, spacing, cache_dir() / "cases")
    weights = {entry["name"]: entry.get("weight", 1.0) for entry in recipe["cases"]}
    if "transplants" in recipe:
        hybrids = load_transplants(recipe["transplants"], cases, data, cache_dir() / "cases")
        weights |= {case.name: recipe["transplants"]["weight"] / len(hybrids) for case in hybrids}
        cases += hybrids
    for case in implant(recipe.get("implants") or {}, cases, recipe["seed"]):
        kind = recipe["implants"][case.name.split("-")[0]]
        weights[case.name] = kind["weight"] / (kind["count"] * len(kind["hosts"]))
        cases.append(case)
    return cases, weights
