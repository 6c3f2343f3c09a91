"""What planted lesions say about each class: added to the targets that a case's own labels give."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.lesion_settings import DECOY, LESIONS
from prompts.ontology import ontology


def supervise(
    target: Tensor,
    known: Tensor,
    lesions: Tensor,
    structures: Sequence[str],
    unknown: Collection[str] = (),
    absent: Collection[str] = (),
) -> tuple[Tensor, Tensor]:
    """Targets and validity with lesions in them; lesion voxels stay in their organ too.

    target, known: (C, N) bool, as `TargetTable` gives them for `structures`: a lesion class is known there wherever
    anything is labelled. lesions: (N,) int64, see `add_tumours`. A lesion class becomes known also wherever all its
    host organs are, since outside its host there is none. Where a lesion grew out of its organ the host is unknown.
    unknown: lesion classes of which the case may have a real, unlabelled one: they take no part at all.
    absent: lesion classes of which the case has none but the planted: known everywhere, in fissures and fat too.
    """
    target, known = target.clone(), known.clone()
    words = ontology()
    leaves = [set(words.leaves(s)) if s in words else {s} for s in structures]
    for value, lesion in enumerate(LESIONS, start=1):
        here = lesions == value
        organ = {leaf for host in words[lesion].within for leaf in words.leaves(host)}
        parts = [n for n, own in enumerate(leaves) if own <= organ]
        around = [n for n, own in enumerate(leaves) if own & organ]
        if around:
            known[around] &= ~(here & ~target[around].any(0))
        if lesion not in structures:
            continue
        row = structures.index(lesion)
        if set().union(*(leaves[n] for n in parts)) == organ:
            known[row] |= known[parts].all(0)
        target[row] = here
        known[row] |= here
        if lesion in unknown:
            known[row] = False
        elif lesion in absent:
            known[row] = True
    return target, known


MOST_LESION, MOST_ORGAN, MOST_BESIDE, MOST_ALIKE, ELSEWHERE = 3000, 3000, 3000, 1000, 1500
"""How many voxels of a window the lesion classes are asked about."""
AROUND = 2
"""How many voxels around a decoy count as alike: what is drawn there is wider than the vessel itself."""
BESIDE = 5
"""How many voxels beside an organ count as its surroundings: there lie the fissures, vessels and the gallbladder."""


def host_labels(names: Sequence[str]) -> Tensor:
    """(len(names),) bool: the label names that are an organ which planted lesions lie in, or a part of one."""
    words = ontology()
    organs = {leaf for lesion in LESIONS for host in words[lesion].within for leaf in words.leaves(host)}
    return torch.tensor([bool(n) and set(words.leaves(n) if n in words else {n}) <= organs for n in names])


def real_lesions(names: Sequence[str]) -> Tensor:
    """(len(names),) int64: for each label name its value in a lesion map (`LESIONS`), 0 for what is no lesion."""
    return torch.tensor([LESIONS.index(n) + 1 if n in LESIONS else 0 for n in names])


def lesion_points(labels: Tensor, lesions: Tensor, hosts: Tensor, rng: np.random.Generator) -> Tensor:
    """Flat indices of the voxels that teach the lesion classes.

    Those of lesions, of their organs, of what lies beside these, around decoys, and anywhere.
    labels, lesions: (X, Y, Z) int64. hosts: see `host_labels`. On every second voxel of a whole window a lesion of
    10 mm is half a dozen voxels among 50,000, and is never learned.
    """
    inside = lesions > 0
    organ = hosts[labels] & ~inside
    beside = _widened(organ | inside, BESIDE) & ~organ & ~inside
    alike = _widened(lesions == DECOY, AROUND) & ~inside
    parts = (inside, MOST_LESION), (organ, MOST_ORGAN), (beside, MOST_BESIDE), (alike, MOST_ALIKE)
    chosen = [_some(part.reshape(-1).nonzero()[:, 0], most, rng) for part, most in parts]
    return torch.cat([*chosen, torch.from_numpy(rng.integers(0, labels.numel(), ELSEWHERE))])


def _widened(mask: Tensor, reach: int) -> Tensor:
    """The voxels of a cube of 2 reach + 1 around each voxel of the mask."""
    data = mask[None, None].float()
    for axis in range(3):
        size = [1, 1, 1]
        size[axis] = 2 * reach + 1
        data = F.max_pool3d(data, size, 1, [n // 2 for n in size])
    return data[0, 0] > 0


def _some(indices: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    if len(indices) <= most:
        return indices
    return indices[torch.from_numpy(rng.integers(0, len(indices), most))]
