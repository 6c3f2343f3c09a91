"""correct: mend a mask by points, a brush or a box, or take other structures out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from assistant.correction import RADIUS_MM, Hints, corrected
from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.look import look
from assistant.wording import capital, number, sentence_list, words
from assistant.workspace import Found
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask, Quality

Triple = Annotated[list[float], Field(min_length=3, max_length=3)]
Index = Annotated[list[int], Field(min_length=3, max_length=3)]
Corners = Annotated[list[Triple], Field(min_length=2, max_length=2)]
IndexCorners = Annotated[list[Index], Field(min_length=2, max_length=2)]


class Correct(ToolArgs):
    """Which mask is wrong, and how."""

    targets: list[StructureId] = Field(min_length=1, description="the masks to mend")
    exclude: list[StructureId] = Field(default=[], description="structures to take out of them")
    include_mm: list[Triple] = Field(default=[], description="points inside, RAS+ mm")
    exclude_mm: list[Triple] = Field(default=[], description="points outside, RAS+ mm")
    box_mm: Corners | None = Field(default=None, description="two corners of a box around all of it, RAS+ mm")
    include_voxel: list[Index] = Field(default=[], description="points inside, voxels of the study's array")
    exclude_voxel: list[Index] = Field(default=[], description="points outside, voxels of the study's array")
    box_voxel: IndexCorners | None = Field(default=None, description="a half-open box of voxels around it")
    radius_mm: float = Field(default=RADIUS_MM, gt=0, le=200, description="how far a point reaches, mm")
    brush: bool = Field(default=False, description="all within the radius of each point is meant")


def run(turn: Turn, args: Correct) -> dict[str, Any]:
    """The mended masks take the place of the old ones until the step is undone."""
    hints = _hints(args, turn.workspace.study.volume.geometry)
    marked = bool(hints.include or hints.exclude or hints.box)
    if not marked and not args.exclude:
        return {"error": words()["correct"]["how"]}
    lines: list[str] = []
    if args.exclude:
        result = _take_out(turn, args, lines)
        if "error" in result:
            return result
    if marked:
        result = _mend(turn, args, hints, lines)
    return result | {"own_words": True, "lines": lines}


def _take_out(turn: Turn, args: Correct, lines: list[str]) -> dict[str, Any]:
    """Other structures out of the masks."""
    work, say = turn.workspace, words()["correct"]
    targets, others = work.reachable(args.targets), work.reachable(args.exclude)
    cannot = [work.words[s].name for s in (*targets.unsupported, *others.unsupported)]
    if cannot:
        return {"error": say["cannot"].format(names=sentence_list(cannot), segmenter=work.segmenter.name)}
    found = work.find([*targets.ids, *others.ids], turn.progress)
    names = sentence_list([work.words[s].name for s in others.ids])
    for structure in targets.ids:
        before = found[structure]
        mask = _without(before.mask, [found[s].mask for s in others.ids])
        work.correct(replace(before, mask=mask, method=say["method"].format(names=names)))
        taken = before.mask.voxel_count - mask.voxel_count
        share = 100 * taken / max(before.mask.voxel_count, 1)
        lines.append(
            say["done"].format(label=capital(work.words[structure].name), names=names, percent=f"{share:.1f}")
        )
    return look(turn, Query(targets=list(targets.ids)), [])


def _mend(turn: Turn, args: Correct, hints: Hints, lines: list[str]) -> dict[str, Any]:
    """Points and a box on one mask; a structure that the segmenter does not know is drawn from nothing."""
    work, say = turn.workspace, words()["correct"]
    ids = work.reachable(args.targets).ids or tuple(args.targets)
    if len(ids) != 1:
        return {"error": say["one"].format(names=sentence_list([work.words[s].name for s in ids]))}
    (structure,) = ids
    study = work.study
    if work.can_find(structure):
        before = work.find([structure], turn.progress)[structure]
    else:
        unknown = Quality("experimental", None, 0, say["drawn"])
        before = Found(Mask.absent(structure, study.volume.shape, 1.0), unknown)
    marks, label = _in_words(hints), capital(work.words[structure].name)
    mask = corrected(before.mask, study.volume, hints)
    sizes = [_size(m, study.volume.geometry) for m in (before.mask, mask)]
    if mask.box == before.mask.box and np.array_equal(mask.voxels, before.mask.voxels):
        lines.append(say["untouched"].format(label=label))
    else:
        work.correct(Found(mask, before.quality, say["by_marks"].format(marks=marks)))
        lines.append(say["marked"].format(label=label, marks=marks, before=sizes[0], after=sizes[1]))
    result = look(turn, Query(targets=[structure]), ["volume"])
    return result | {"correction": _record(structure, hints, sizes)}


def _record(structure: str, hints: Hints, sizes: list[str]) -> dict[str, Any]:
    """What was marked on which mask, and its size before and after, for whoever tells of it in other words."""
    count = len(hints.include) + len(hints.exclude)
    kinds = {
        "box": int(hints.box is not None),
        "stroke": int(hints.brush),
        "point": 0 if hints.brush else count,
    }
    marks = {kind: n for kind, n in kinds.items() if n}
    return {"structure": structure, "marks": marks, "before": sizes[0], "after": sizes[1]}


def _hints(args: Correct, geometry: Geometry) -> Hints:
    """All marks in millimetres."""

    def points(mm: Sequence[Sequence[float]], voxels: Sequence[Sequence[int]]) -> tuple[Any, ...]:
        return tuple(tuple(map(float, p)) for p in (*mm, *(geometry.to_world(v).tolist() for v in voxels)))

    box: Any = args.box_mm and tuple(tuple(corner) for corner in args.box_mm)
    if args.box_voxel is not None:
        start, stop = np.sort(args.box_voxel, axis=0).tolist()
        box = geometry.world_box(Box(start, stop))
    return Hints(
        include=points(args.include_mm, args.include_voxel),
        exclude=points(args.exclude_mm, args.exclude_voxel),
        box=box,
        radius_mm=args.radius_mm,
        brush=args.brush,
    )


def _in_words(hints: Hints) -> str:
    say = words()["correct"]["marks"]
    parts = [say["box"]] if hints.box is not None else []
    if hints.brush:
        return sentence_list([*parts, say["brush"].format(radius=hints.radius_mm)])
    for kind, points in (("include", hints.include), ("exclude", hints.exclude)):
        if points:
            parts.append(say[kind][len(points) > 1].format(count=len(points)))
    return sentence_list(parts)


def _size(mask: Mask, geometry: Geometry) -> str:
    if not mask.present:
        return str(words()["correct"]["none"])
    return number(mask.voxel_count * geometry.voxel_ml, "ml")


def _without(mask: Mask, others: list[Mask]) -> Mask:
    kept = mask.full()
    for other in others:
        if other.box is not None:
            kept[other.box.slices] &= ~other.voxels
    if np.count_nonzero(kept) == mask.voxel_count:
        return mask
    return Mask.from_full(mask.structure, kept, mask.confidence)


TOOL = Tool("correct", "Mend a mask by points or a box, or take out structures that leaked in.", Correct, run)
