"""Organs that no training label map shows, built into some by measure: so far the prostate.

The label maps at hand are of women or end too high, so nothing could be learned of the prostate. Its place behind the
pubic symphysis and its sizes are those of anatomy textbooks; what is learned from them must be measured on real CTs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from encoders.errors import BodyMapsError
from encoders.learning.cases import Case
from encoders.learning.transplants import REST

RADII_MM = ((16.0, 28.0), (12.0, 20.0), (13.0, 24.0))
"""Half of the prostate's width, depth and height: 14 to 90 ml."""
RETROPUBIC_MM = (4.0, 14.0)
"""From the symphysis back to the prostate."""
MIDLINE_MM = 12.0
"""Hip bone this close to the midplane is the symphysis."""
SOFT = (REST, "urinary_bladder")


def prostate(case: Case, rng: np.random.Generator) -> Case | None:
    """The label map with a prostate of random size behind its pubic symphysis; None when it shows no symphysis.

    The bladder gives way below the prostate's middle; bones, rectum and muscles stay.
    """
    names, spacing = list(case.names), case.spacing_mm
    hips = np.isin(case.labels, [n for n, name in enumerate(names) if name.startswith("hip_")])
    if "urinary_bladder" not in names or REST not in names or not hips.any():
        return None
    middle = np.argwhere(hips.any((1, 2))).mean()
    half = round(MIDLINE_MM / spacing)
    centre_x = round(middle)
    bladder = case.labels == names.index("urinary_bladder")
    slab = hips[centre_x - half : centre_x + half + 1].copy()
    slab[:, : int(np.argwhere(bladder)[:, 1].mean())] = False  # the sacrum's side
    if not slab.any():
        return None
    symphysis = np.argwhere(slab)
    back, height = symphysis[:, 1].min(), symphysis[:, 2].mean()
    radii = np.array([rng.uniform(*r) for r in RADII_MM]) / spacing
    centre = np.array(
        [
            middle + rng.normal(0, 2) / spacing,
            back - rng.uniform(*RETROPUBIC_MM) / spacing - radii[1],
            height + rng.normal(0, 5) / spacing,
        ]
    )
    x, y, z = (
        ((np.arange(n) - c) / r).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, (n, c, r) in enumerate(zip(case.labels.shape, centre, radii, strict=True))
    )
    across = np.clip(1 + 0.3 * z, 0.5, 1.2)  # the apex is narrower than the base
    gland = (x / across) ** 2 + (y / across) ** 2 + z**2 <= 1
    soft = np.isin(case.labels, [names.index(name) for name in SOFT])
    labels = case.labels.copy()
    labels[bladder & (z < 0)] = names.index(REST)
    if "prostate" not in names:
        names.append("prostate")
    labels[gland & soft] = names.index("prostate")
    return replace(case, labels=labels, names=tuple(names), complete=case.complete | {"prostate"})


KINDS: Mapping[str, Callable[[Case, np.random.Generator], Case | None]] = {"prostate": prostate}


def implant(entry: Mapping[str, Any], hosts: Sequence[Case], seed: int) -> list[Case]:
    """New cases of a recipe's `implants`: {structure: {hosts, count, weight}}, `count` of each host.

    Raises BodyMapsError for a structure that cannot be implanted.
    """
    rng = np.random.default_rng(seed)
    cases = []
    for structure, how in entry.items():
        if structure not in KINDS:
            raise BodyMapsError(f"'{structure}' cannot be implanted: choose {', '.join(KINDS)}")
        for host in (h for h in hosts if h.name in how["hosts"]):
            made = [KINDS[structure](host, rng) for _ in range(how["count"])]
            cases += [
                replace(c, name=f"{structure}-{n}-in-{host.name}")
                for n, c in enumerate(made)
                if c is not None
            ]
    return cases
