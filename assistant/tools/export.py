"""export: save masks and findings to files."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from assistant.tools.base import StructureId, Tool, ToolArgs, Turn
from assistant.wording import words


class Export(ToolArgs):
    """What to save. Where is the user's choice when the session is opened, never an argument."""

    targets: list[StructureId] = Field(default=[], description="only these; empty: everything found so far")
    format: Literal["nifti", "dicom-seg"] = "nifti"


def run(turn: Turn, args: Export) -> dict[str, Any]:
    from assistant.export.dicom_seg import save_dicom_seg
    from assistant.export.nifti import save_mask

    work = turn.workspace
    if turn.out is None:
        return {"error": "there is no folder to save to: start with --out DIR, or open(..., out=DIR)"}
    reach = work.reachable(args.targets)
    found = work.find(reach.ids, turn.progress) if args.targets else work.known()
    masks = {name: f.mask for name, f in found.items() if f.mask.present}
    if not masks:
        return {"error": "there is nothing to save: nothing has been found so far"}
    if args.format == "dicom-seg":
        files = [save_dicom_seg(masks, work.study, turn.out / "segmentation.dcm")]
    else:
        geometry = work.study.volume.geometry
        files = [save_mask(mask, geometry, turn.out / f"{name}.nii.gz") for name, mask in masks.items()]
    return {
        "files": [file.name for file in files],
        "lines": [words()["export"]["saved"].format(count=len(masks), folder=turn.out.name or ".")],
    }


TOOL = Tool("export", "Save masks to files.", Export, run)
