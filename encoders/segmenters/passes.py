"""The embedded model at work: a first pass over the whole trunk, closer ones where something was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from scipy.special import expit
from torch import Tensor

from encoders import levels
from encoders.detail import FineStudy, Neighbourhood, decode_near, nearest, places_of, reach_mm, settings
from encoders.geometry import Box, Geometry
from encoders.inference import StudyFeatures, decode_in_parts
from encoders.postprocess import Verdict, host_organs, judge
from encoders.segmenters.base import Asked, Progress, part_of
from encoders.segmenters.found import Found
from encoders.segmenters.lesions import Rule, judged, look
from encoders.universal import UniversalModel
from prompts.ontology import ontology


@dataclass(frozen=True, eq=False)
class Pass:
    """A model and what its logits are divided by before they count as probabilities."""

    model: UniversalModel
    temperature: float

    def judged(self, structure: str, logits: Tensor, box: Box, grid: Geometry, body: Box, host=None) -> Found:
        """The plausible part of a structure's logits on `box` of a grid; body: where the body lies on it."""
        width = body.shape[0]
        middle = body.start[0] + (width - 1) / 2 - box.start[0]
        values = logits.cpu().numpy() / self.temperature
        verdict = judge(values, ontology()[structure], grid.voxel_ml, middle, width, host)
        return Found(verdict, logits, box, grid)


def first_pass(
    own: Pass, study: StudyFeatures, wanted: Mapping[Asked, Tensor], progress: Progress | None = None
) -> dict[Asked, Found]:
    """Structures by their text embeddings (text_dim,), organs before the lesions that lie in them."""
    known = own.model.config.structures
    hosts = {a: [Asked(h) for h in host_organs(a.structure, known)] for a in wanted}
    order = sorted(wanted, key=lambda a: bool(hosts[a]))
    found: dict[Asked, Found] = {}
    for index, logits in decode_in_parts(own.model, study, torch.stack([wanted[a] for a in order])):
        asked = order[index]
        inside = [found[h].verdict.keep for h in hosts[asked] if h in found]
        host = np.logical_or.reduce(inside) if inside else None
        found[asked] = own.judged(asked.structure, logits, study.body, study.grid, study.body, host)
        if progress:
            progress((index + 1) / len(order), f"drawing {ontology()[asked.structure].name}")
    return found


def closer_pass(
    own: Pass,
    study: StudyFeatures,
    fine: FineStudy,
    wanted: Mapping[Asked, Tensor],
    first: Mapping[Asked, Found],
    rules: Mapping[str, Rule],
    progress: Progress | None = None,
) -> dict[Asked, Found]:
    """Structures again by a finer model, near their first mask, between two others, or near the organs of a lesion.

    Where to look is said in the model's own words, so that all phrases for a structure are drawn from the same
    windows, which are read once. rules: of lesions, by id.
    """
    organs = [a.structure for a in first if not a.phrase]
    groups: dict[tuple[bool, tuple[str, ...], float], list[Asked]] = {}
    for asked in wanted:
        name = asked.structure
        lesion = ontology()[name].kind == "lesion"
        near = host_organs(name, organs) if lesion else places_of(name, organs)
        groups.setdefault((lesion, near, reach_mm(name)), []).append(asked)
    found: dict[Asked, Found] = {}
    for number, ((lesion, near, reach), group) in enumerate(groups.items()):
        rows = {asked: wanted[asked] for asked in group}
        report = part_of(progress, number / len(groups), (number + 1) / len(groups))
        if lesion:
            seen = look(own.model, study, fine, rows, first, report)
            if seen is not None:
                found |= {a: judged(seen, a, rules.get(a.structure, Rule())) for a in group}
        else:
            found |= _organ(own, study, fine, rows, [first[Asked(n)] for n in near], reach, report)
        # nothing to look closer at
        found |= {a: first[Asked(near[0] if lesion else a.structure)] for a in group if a not in found}
    return found


def _organ(
    own: Pass,
    study: StudyFeatures,
    fine: FineStudy,
    rows: Mapping[Asked, Tensor],
    near: Sequence[Found],
    reach: float,
    progress: Progress | None,
) -> dict[Asked, Found]:
    """Structures by all their phrases, at most `reach` mm from a first mask or between two; {} where one is empty.

    Where the mask runs on past what was looked at, and `detail.yaml` says so, it is followed.
    """
    masks = [f.verdict.keep for f in near]
    if len(masks) > 1:
        place = Neighbourhood.between(masks, settings()["between"]["mm"], study, fine)
    else:
        place = Neighbourhood.around(masks[0], reach, study, fine)
    found: dict[Asked, Found] = {}
    follow = settings()["follow"]
    followed = any(a.structure in follow["structures"] for a in rows)
    left = follow["times"] if followed else 0
    done = 0.0
    while place is not None:
        until = (done + 1) / 2 if left else 1.0  # nobody knows how often it will be followed
        found = _drawn(own, fine, rows, place, part_of(progress, done, until))
        mask = np.logical_or.reduce([f.verdict.keep for f in found.values()])
        place = place.following(mask, follow["mm"], fine) if left else None
        left, done = left - 1, until
    return found


def _drawn(
    own: Pass,
    fine: FineStudy,
    rows: Mapping[Asked, Tensor],
    place: Neighbourhood,
    progress: Progress | None,
) -> dict[Asked, Found]:
    """Structures by all their phrases, in one place."""
    rivals = [r for r in settings()["rivals"] if r in own.model.config.structures]
    text = torch.cat([torch.stack(list(rows.values())), own.model.embeddings(rivals)])
    logits = decode_near(own.model, fine, place, text, progress)
    found: dict[Asked, Found] = {}
    for index, asked in enumerate(rows):
        name = asked.structure
        others = [len(rows) + n for n, r in enumerate(rivals) if r != name] if name in rivals else []
        values = against(logits[index], logits[others])
        found[asked] = own.judged(name, values, place.box, fine.grid, fine.body)
    return found


def against(own: Tensor, others: Tensor) -> Tensor:
    """(X, Y, Z) logits that are above zero where a structure is likelier than not and than (n, X, Y, Z) others."""
    return torch.minimum(own, own - others.amax(0)) if len(others) else own


def count_levels(
    group: Found, anchor: Found, study: StudyFeatures, fine: FineStudy, detail: Found | None
) -> dict[str, Found]:
    """Vertebral levels out of the first pass's vertebrae and sacrum; drawn in a later pass's, when there is one.

    fine: the CT on the grid of `detail`, or on any. Empty when they cannot be counted.
    """
    spacing = study.grid.spacing[0]
    raw = group.logits.cpu().numpy()
    finer = np.divide(fine.grid.shape, study.grid.shape)
    image = levels.Sampled(fine.hu.numpy(), finer / spacing, (np.array(study.body.start) + 0.5) * finer - 0.5)
    parts = levels.divide(group.verdict.keep, expit(raw), anchor.verdict.keep, spacing, image)
    if not parts:
        return {}
    drawn = group
    number = np.zeros(group.verdict.keep.shape, np.uint8)
    for n, mask in enumerate(parts.values(), start=1):
        number[mask] = n
    if detail is not None:
        # every voxel near the first mask takes the level of the nearest one in it
        closest = ndimage.distance_transform_edt(number == 0, return_distances=False, return_indices=True)
        number = nearest(number[tuple(closest)], study.grid, study.body.start, fine.grid, detail.box)
        drawn = detail
    found = {}
    for n, name in enumerate(parts, start=1):
        keep = drawn.verdict.keep & (number == n)
        # towards its neighbours a level ends half-way between their voxels
        others = drawn.logits.clone()
        others[torch.from_numpy(drawn.verdict.keep & ~keep).to(others.device)] *= -1
        found[name] = replace(drawn, verdict=Verdict(keep, drawn.verdict.confidence), logits=others)
    return found
