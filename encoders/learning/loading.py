"""Cases of a recipe: read and resampled once, then taken from the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from encoders.learning.cases import OUTSIDE, Case
from encoders.learning.layers import Layers, body, located, open_image, read_image, resampled
from encoders.learning.outlines import read_outlines
from encoders.learning.transplants import smooth, transplant

FORMAT = 3
"""Of a kept case: one more when `Case` or what is read into it changes."""


def read_case(entry: Mapping[str, Any], data: Path, spacing: float) -> Case:
    """One entry of a recipe's `cases`, resampled to `spacing` millimetres.

    Its `labels` are layers: a `file` with `names`, an `ellipsoid`, `outlines`, `seeds` of bones, structures that are
    `absent`, the `rule` lungs, or a `teacher` (weights and `structures`).
    Structures that a file's layer says to `grow` reach to their border in the image, see `borders.grown`.
    Raises BodyMapsError when a file of the entry is missing.
    """
    hu, grid = None, None
    if "ct" in entry:
        image = open_image(located(entry["ct"], data))
        grid = image.shape, image.affine
        array, zooms = np.asanyarray(image.dataobj), np.asarray(image.header.get_zooms()[:3], float)
        hu = np.clip(np.round(resampled(array, zooms, spacing, 1)), -1024, 3071).astype(np.int16)
    made = Layers(spacing, hu, grid)
    for layer in entry["labels"]:
        if "file" in layer:
            made.read_file(layer, data)
        elif "teacher" in layer:
            made.ask_teacher(layer)
        elif "ellipsoid" in layer:
            made.draw_ellipsoid(layer)
        elif "outlines" in layer:
            made.draw_outlines(layer)
        elif "seeds" in layer:
            made.grow_seeds(layer)
        elif "absent" in layer:
            made.complete.update(layer["absent"])
        else:
            made.find_lungs()
    names, labels = made.names, made.labels
    assert labels is not None
    if hu is not None:
        names.append(OUTSIDE)
        labels[(labels == 0) & ~ndimage.binary_dilation(body(hu), iterations=2)] = len(names) - 1
    elif "outside" in entry:  # label maps: zero is outside the body
        names.append(OUTSIDE)
        labels[labels == 0] = len(names) - 1
    return Case(
        entry["name"],
        spacing,
        hu,
        labels,
        tuple(names),
        frozenset(made.complete),
        frozenset(made.weak - made.complete),
        made.trusted,
        made.sources,
    )


def load_cases(entries: Sequence[Mapping[str, Any]], data: Path, spacing: float, cache: Path) -> list[Case]:
    """All cases of a recipe, read once and then from `cache`; the key is the entry itself."""
    cases = []
    for entry in entries:
        key = _key(entry, spacing)
        path = cache / f"{entry['name']}-{key}.npz"
        if not path.exists():
            read_case(entry, data, spacing).save(path)
        cases.append(Case.load(path))
    return cases


def _key(entry: Mapping[str, Any], spacing: float) -> str:
    """Changes with the entry, the spacing, outlines, a teacher's weights, and how a case is written."""
    digest = hashlib.sha256(json.dumps([entry, spacing, FORMAT], sort_keys=True).encode())
    for layer in entry.get("labels", ()):
        if "teacher" in layer:
            digest.update(Path(layer["teacher"]).read_bytes())
        for name in (layer[kind] for kind in ("outlines", "seeds") if kind in layer):
            digest.update(json.dumps(read_outlines(name), sort_keys=True).encode())
    return digest.hexdigest()[:12]


def load_transplants(entry: Mapping[str, Any], hosts: Sequence[Case], data: Path, cache: Path) -> list[Case]:
    """Hybrid label maps: the organs of every donor in every host, see `encoders.learning.transplants`.

    entry: `hosts` (case names), `donors` (a glob below `data`), `names` (their label table), `anchors` (organs).
    """
    table = json.loads((data / entry["names"]).read_text())
    cases = []
    for path in sorted(data.glob(entry["donors"])):
        donor: tuple[np.ndarray, np.ndarray] | None = None
        for host in (h for h in hosts if h.name in entry["hosts"]):
            name = f"{path.name.split('.')[0]}-in-{host.name}"
            kept = cache / f"{name}-{_key({**entry, 'name': name}, host.spacing_mm)}.npz"
            if not kept.exists():
                donor = donor or smooth(*read_image(path))
                hybrid = transplant(host, donor[0].astype(np.uint8), donor[1], table, tuple(entry["anchors"]))
                if hybrid is None:
                    continue
                replace(hybrid, name=name).save(kept)
            cases.append(Case.load(kept))
    return cases
