"""correct: take voxels out of a mask that belong to other structures."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.look import look
from assistant.wording import sentence_list, words
from assistant.workspace import Found
from encoders.segmenters.base import Mask


class Correct(ToolArgs):
    """Which mask is wrong, and what leaked into it."""

    targets: list[StructureId] = Field(min_length=1, description="the masks to mend")
    exclude: list[StructureId] = Field(default=[], description="structures to take out of them")


def run(turn: Turn, args: Correct) -> dict[str, Any]:
    """The mended masks take the place of the old ones until the step is undone."""
    work, say = turn.workspace, words()["correct"]
    if not args.exclude:
        return {"error": say["how"]}
    targets, others = work.reachable(args.targets), work.reachable(args.exclude)
    cannot = [work.words[s].name for s in (*targets.unsupported, *others.unsupported)]
    if cannot:
        return {"error": say["cannot"].format(names=sentence_list(cannot), segmenter=work.segmenter.name)}
    found = work.find([*targets.ids, *others.ids], turn.progress)
    names = sentence_list([work.words[s].name for s in others.ids])
    lines = []
    for structure in targets.ids:
        before = found[structure]
        mask = _without(before.mask, [found[s].mask for s in others.ids])
        method = say["method"].format(names=names)
        work.correct(Found(mask, before.quality, method))
        taken = before.mask.voxel_count - mask.voxel_count
        share = 100 * taken / max(before.mask.voxel_count, 1)
        lines.append(
            say["done"].format(label=work.words[structure].name, names=names, percent=f"{share:.1f}")
        )
    return look(turn, Query(targets=list(targets.ids)), []) | {"own_words": True, "lines": lines}


def _without(mask: Mask, others: list[Mask]) -> Mask:
    kept = mask.full()
    for other in others:
        if other.box is not None:
            kept[other.box.slices] &= ~other.voxels
    if np.count_nonzero(kept) == mask.voxel_count:
        return mask
    return Mask.from_full(mask.structure, kept, mask.confidence)


TOOL = Tool("correct", "Take structures out of a mask that they leaked into.", Correct, run)
