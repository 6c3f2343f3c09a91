"""Post-processing of the published models, by the rules in `postprocess.yaml`; left and right by anatomy.

The published rule for the lungs (the two largest components of both lungs' union, the smaller x is the left) gives
both lungs to one side when they touch, and neither when there is one. Here touching lungs are eroded until they part,
and a single lung goes to the side where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import cc3d
import numpy as np
import yaml
from scipy import ndimage

from encoders.geometry import Box

Masks = Mapping[str, np.ndarray]
CUBE = np.ones((3, 3, 3), bool)


@cache
def _rules() -> dict[str, Any]:
    return yaml.safe_load(
        files("encoders").joinpath("published/postprocess.yaml").read_text(encoding="utf-8")
    )


def needs(structures: Sequence[str]) -> tuple[str, ...]:
    """These structures and the others whose masks their rules read, each once."""
    rules = _rules()
    wanted = list(structures)
    for name in structures:
        if name in rules["not_below"]:
            wanted.append(rules["not_below"][name])
        wanted += rules["lesions"].get(name, {}).get("hosts", ())
        for pair in rules["pairs"]:
            if name in (pair["left"], pair["right"]):
                wanted += [pair["left"], pair["right"]]
    return tuple(dict.fromkeys(wanted))


def cleaned(masks: Masks, middle: float) -> dict[str, np.ndarray]:
    """The masks after their rules; a rule that reads a mask which is not given is left out.

    masks: bool (X, Y, Z) arrays in RAS+ order at 1.5 mm. middle: the body's middle along x, in voxels.
    """
    rules = _rules()
    done = {n: largest(m) if n in rules["largest"] else m for n, m in masks.items()}
    for name, floor in rules["not_below"].items():
        if name in done and floor in done:
            done[name] = not_below(done[name], done[floor])
    for pair in rules["pairs"]:
        if pair["left"] in done and pair["right"] in done:
            union = done[pair["left"]] | done[pair["right"]]
            done[pair["left"]], done[pair["right"]] = sides(union, middle, pair["ratio"])
    for name, rule in rules["lesions"].items():
        if name in done:
            hosts = [done[h] for h in rule.get("hosts", ()) if h in done]
            found = within(done[name], hosts, rules["host_margin"]) if hosts else done[name]
            done[name] = components(found, rule["keep"], rule["voxels"])
    return done


def components(mask: np.ndarray, keep: int, voxels: int = 1) -> np.ndarray:
    """The `keep` largest components of at least `voxels`."""
    if not mask.any():
        return mask
    parts = np.asarray(cc3d.connected_components(mask, connectivity=26))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    order = [int(p) for p in np.argsort(-sizes, kind="stable")[:keep] if sizes[p] >= voxels]
    return np.isin(parts, order)


def largest(mask: np.ndarray) -> np.ndarray:
    return components(mask, 1)


def not_below(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mask without the slices below the other's lowest one; unchanged when the other is empty."""
    box = Box.of_mask(other)
    if box is None:
        return mask
    kept = mask.copy()
    kept[:, :, : box.start[2]] = False
    return kept


def within(lesion: np.ndarray, hosts: Sequence[np.ndarray], margin: int) -> np.ndarray:
    """The part of a lesion in or near its hosts: their largest components, closed and dilated by a cube."""
    organ = components(np.logical_or.reduce(hosts), len(hosts))
    box = Box.of_mask(organ)
    if box is None:
        return np.zeros_like(lesion)
    near = box.grown(2 * margin, organ.shape).slices
    cube = np.ones((margin,) * 3, bool)
    closed = ndimage.binary_closing(organ[near], cube)
    allowed = np.zeros_like(lesion)
    allowed[near] = ndimage.binary_dilation(closed | organ[near], cube)
    return lesion & allowed


def sides(union: np.ndarray, middle: float, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) of a paired organ; in RAS+ order the left has the smaller x.

    Two components of similar size are told apart by place. Else the union is eroded until it parts into two of
    similar size, and each voxel goes to the nearer one. What does not part is one organ on the side where its mass
    lies, or, where it spans the middle, is cut there.
    """
    empty = np.zeros_like(union)
    box = Box.of_mask(union)
    if box is None:
        return empty, empty.copy()
    inside = union[box.slices]
    seeds = _seeds(inside, ratio)
    here = middle - box.start[0]
    if seeds is None:
        share = float((np.nonzero(inside)[0] > here).mean())
        cut = np.arange(inside.shape[0])[:, None, None] > here
        on_right = np.full((1, 1, 1), share > 0.5) if max(share, 1 - share) > ratio / (1 + ratio) else cut
    else:
        distance = [ndimage.distance_transform_edt(~seed) for seed in seeds]
        on_right = np.asarray(distance[1]) < np.asarray(distance[0])
    left, right = empty, empty.copy()
    left[box.slices], right[box.slices] = inside & ~on_right, inside & on_right
    return left, right


def _seeds(union: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Two similar components of the union or of its erosions, the smaller x first; None when it never parts."""
    core = union
    while core.any():
        parts = np.asarray(cc3d.connected_components(core, connectivity=26))
        sizes = np.bincount(parts.ravel())[1:]
        order = np.argsort(-sizes)[:2]
        if len(order) == 2 and sizes[order[0]] <= ratio * sizes[order[1]]:
            # two halves of one core as it vanishes are no pair
            if 20 * sizes[order].sum() < union.sum():
                return None
            pair = [parts == label + 1 for label in order]
            pair.sort(key=lambda part: float(np.nonzero(part)[0].mean()))
            return pair[0], pair[1]
        core = ndimage.binary_erosion(core, CUBE)
    return None
