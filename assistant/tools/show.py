"""show: which slice of which plane to look at, and with which window."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from assistant.answer import BoundingBox
from assistant.tools.base import StructureId, Tool, ToolArgs, Turn
from assistant.wording import words
from encoders.geometry import Box

AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
WINDOWS = {
    "soft tissue": (40, 400),
    "abdomen": (60, 400),
    "liver": (80, 150),
    "lung": (-600, 1500),
    "mediastinum": (40, 350),
    "bone": (400, 1800),
    "brain": (40, 80),
    "angio": (300, 600),
}
"""Level and width in HU."""


class Show(ToolArgs):
    """What to show."""

    targets: list[StructureId] = Field(default=[], description="structures to centre on")
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    slice: int | None = Field(
        default=None, description="index on the scan's own array; empty: the middle of the target"
    )
    window: str | None = Field(
        default=None, description="soft tissue, abdomen, liver, lung, mediastinum, bone or brain"
    )


def run(turn: Turn, args: Show) -> dict[str, Any]:
    work, say = turn.workspace, words()["show"]
    volume = work.study.volume
    geometry = volume.geometry
    axis = geometry.axes.order[AXES[args.plane]]
    reach = work.reachable(args.targets)
    found = work.find(reach.ids, turn.progress) if reach.ids else {}
    masks = [f.mask for f in found.values() if f.mask.box is not None]
    index, what = args.slice, ""
    if index is not None and not 0 <= index < volume.shape[axis]:
        return {
            "error": f"there is no {args.plane} slice {index}: the scan has 0 to {volume.shape[axis] - 1}"
        }
    if args.targets and not masks and index is None:
        names = ", ".join(work.words[t].name for t in args.targets)
        return {"error": f"cannot show the {names}: not found in this scan"}
    if masks:
        box = masks[0].box or Box.whole(volume.shape)
        index = round(box.centre[axis]) if index is None else index
        what = f" through the {work.words[masks[0].structure].name}"
    if index is None:
        index = volume.shape[axis] // 2
    name = (args.window or "soft tissue").lower().replace("_", " ")
    if name not in WINDOWS:
        return {"error": f"there is no window '{args.window}'; there are {', '.join(WINDOWS)}"}
    level, width = WINDOWS[name]
    return {
        "show": {"plane": args.plane, "axis": axis, "slice": index, "window": [level, width]},
        "boxes": [BoundingBox.of(m.box, geometry).to_dict() for m in masks if m.box],
        "lines": [say["slice"].format(plane=args.plane, index=index, what=what, window=name)],
    }


TOOL = Tool("show", "Show a slice: plane, position or structure, window.", Show, run)
