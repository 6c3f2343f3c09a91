"""Anatomy checks on one structure's logits, on the model's grid in RAS+ order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.resources import files
from typing import Any

import cc3d
import numpy as np
import yaml
from scipy.special import expit, logit

from encoders.geometry import Box
from prompts.ontology import Structure, ontology

UNCERTAIN = 0.05
"""The probability above which a voxel counts to a mask's uncertain surroundings."""
LEAST = float(logit(UNCERTAIN))


@cache
def _registry() -> dict[str, Any]:
    return yaml.safe_load(files("encoders").joinpath("postprocess.yaml").read_text())


@dataclass(frozen=True)
class Verdict:
    """The voxels that stay, and how sure.

    keep: bool array on the model's grid.
    confidence: see `confidence_of`; of the absence when nothing stays.
    """

    keep: np.ndarray
    confidence: float

    @property
    def present(self) -> bool:
        return bool(self.keep.any())


def confidence_of(probability: np.ndarray, keep: np.ndarray) -> float:
    """Expected Dice of the mask under the model's own probabilities: 2 sum(p m) / (sum(p) + sum(m)).

    p counts within the mask and in its uncertain surroundings (`UNCERTAIN`).
    """
    near = probability * (probability > UNCERTAIN)
    return float(2 * probability[keep].sum() / (near.sum() + keep.sum()))


def host_organs(structure: str, known: Sequence[str]) -> tuple[str, ...]:
    """The fewest known structures that cover what is known of the organs that a lesion lies in; () for an organ."""
    words = ontology()
    organ = {leaf for name in words[structure].within for leaf in words.leaves(name)}
    if words[structure].kind != "lesion":
        return ()
    chosen: list[str] = []
    for name in sorted(known, key=lambda n: -len(words.leaves(n))):
        own = set(words.leaves(name))
        if own <= organ and not own <= {leaf for c in chosen for leaf in words.leaves(c)}:
            chosen.append(name)
    return tuple(chosen)


def within(host: np.ndarray, millimetres: float, voxel_ml: float) -> np.ndarray:
    """The voxels of an isotropic grid at most this far from a mask."""
    import edt

    if not host.any():
        return host
    return edt.edt(~host, anisotropy=((1000 * voxel_ml) ** (1 / 3),) * 3, black_border=False) <= millimetres


def judge(
    logits: np.ndarray,
    structure: Structure,
    voxel_ml: float,
    middle: float,
    width: float,
    host: np.ndarray | None = None,
) -> Verdict:
    """Keeps the plausible components of a structure.

    logits: (X, Y, Z) float, RAS+ order, isotropic. voxel_ml: volume of a voxel. middle, width: the body's middle and
    width along x, in voxels. host: bool mask of the organs that a lesion lies in, None when they are not known.
    """
    keep = np.zeros(logits.shape, bool)
    near = Box.of_mask(logits > LEAST)
    if near is None:
        return Verdict(keep, _absence(logits))
    registry = _registry()
    rule = next(r for r in registry["rules"] if any(fnmatch(structure.id, m) for m in r["match"]))
    parts, count = cc3d.connected_components(logits[near.slices] > 0, connectivity=26, return_N=True)
    if count:
        statistics = cc3d.statistics(parts)
        volumes = statistics["voxel_counts"].astype(float) * voxel_ml
        volumes[0] = 0
        places = statistics["centroids"][:, 0] + near.start[0]
        offsets = (places - middle) / width  # positive on the patient's right
        limit = registry["wrong_side_share"]
        if structure.side == "left":
            volumes[offsets > limit] = 0
        elif structure.side == "right":
            volumes[offsets < -limit] = 0
        if host is not None and "host_mm" in rule:
            close = within(host, rule["host_mm"], voxel_ml)[near.slices]
            volumes[~np.isin(np.arange(count + 1), parts[close])] = 0
        largest = volumes.max()
        order = [
            int(p) for p in np.argsort(-volumes) if volumes[p] > max(rule["min_ml"], rule["share"] * largest)
        ]
        if order:
            keep[near.slices] = np.isin(parts, order[: rule["keep"]])
    box = Box.of_mask(keep)
    if box and structure.volume_ml and not box.touches_edge(keep.shape):
        enough = registry["absent_share"] * structure.volume_ml[0]
        if keep.sum() * voxel_ml < enough:
            keep[:] = False
    if not keep.any():
        return Verdict(keep, _absence(logits))
    probability = expit(logits[near.slices].astype(np.float32))
    return Verdict(keep, confidence_of(probability, keep[near.slices]))


def _absence(logits: np.ndarray) -> float:
    """How sure it is that there is none: what the likeliest voxels, one in ten thousand, leave."""
    return float(1 - expit(np.percentile(logits.astype(np.float32), 99.99)))


def typical_volume(structure: str) -> tuple[float, float] | None:
    """The typical range in ml of a structure, of a group the sum of its members'; None when it is not known."""
    words = ontology()
    ranges = [words[leaf].volume_ml for leaf in words.leaves(structure)]
    known = [r for r in ranges if r is not None]
    if len(known) < len(ranges):
        return None
    return sum(r[0] for r in known), sum(r[1] for r in known)


def plausible(structure: str, hu: np.ndarray, voxel_ml: float) -> bool:
    """Whether a mask's volume and mean HU lie in the ontology's typical ranges (and there are such ranges).

    hu: (n,) Hounsfield units of the mask's voxels.
    """
    volume, density = typical_volume(structure), ontology()[structure].hu
    if not len(hu) or volume is None or density is None:
        return False
    return volume[0] <= len(hu) * voxel_ml <= volume[1] and density[0] <= float(hu.mean()) <= density[1]
