"""export: save masks and findings to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from assistant.tools.base import StructureId, Tool, ToolArgs, Turn
from assistant.wording import sentence_list, words
from encoders.segmenters.base import Mask


class Export(ToolArgs):
    """What to save. Where is the user's choice when the session is opened, never an argument."""

    targets: list[StructureId] = Field(default=[], description="only these; empty: everything found so far")
    format: str = Field(default="nifti", description="nifti, dicom-seg, json, csv or markdown (the report)")


FORMATS = ("nifti", "dicom-seg", "json", "csv", "markdown")


def run(turn: Turn, args: Export) -> dict[str, Any]:
    work, say = turn.workspace, words()["export"]
    if args.format not in FORMATS:
        return {"error": say["format"].format(format=args.format, formats=", ".join(FORMATS))}
    if turn.out is None:
        return {"error": say["no_folder"]}
    if args.format == "markdown":
        files = _save_report(turn, args.targets, turn.out)
        return {"files": [file.name for file in files], "lines": [say["saved"].format(count=len(files))]}
    reach = work.reachable(args.targets)
    found = work.find(reach.ids, turn.progress) if args.targets else work.known()
    masks = {name: f.mask for name, f in found.items() if f.mask.present}
    if not masks:
        return {"error": say["nothing"]}
    files = _save(turn, args.format, masks, turn.out)
    lines = [say["saved"].format(count=len(files))]
    if reach.unsupported:
        names = [work.words[s].name for s in reach.unsupported]
        shown = names[:6] + [f"{len(names) - 6} more"] * (len(names) > 6)
        lines.append(say["cannot"].format(names=sentence_list(shown)))
    return {"files": [file.name for file in files], "lines": lines}


def _save(turn: Turn, format: str, masks: Mapping[str, Mask], folder: Path) -> list[Path]:
    from assistant.export.answers import save_record, save_table
    from assistant.export.dicom_seg import save_dicom_seg
    from assistant.study import save_mask

    study = turn.workspace.study
    if format == "dicom-seg":
        return [save_dicom_seg(masks, study, folder / "segmentation.dcm")]
    if format == "json":
        return [save_record(turn.history, folder)]
    if format == "csv":
        return [save_table(turn.history, folder)]
    return [save_mask(mask, study, folder / f"{name}.nii.gz") for name, mask in masks.items()]


def _save_report(turn: Turn, targets: list[str], folder: Path) -> list[Path]:
    """`report.md` and `report.json`: the last report of the conversation, else a new one."""
    from assistant.tools.report import Report
    from assistant.tools.report import run as report
    from encoders.files import replacing, save_json

    written = [r for answer in turn.history for r in answer.results if "report" in r]
    result = written[-1] if written and not targets else report(turn, Report(targets=targets))
    text = folder / "report.md"
    with replacing(text) as temporary:
        temporary.write_text(f"{result['markdown']}\n", encoding="utf-8")
    return [text, save_json(result["report"], folder / "report.json")]


TOOL = Tool("export", "Save masks to files.", Export, run)
