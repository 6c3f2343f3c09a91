"""A conversation's answers on disk: one NIfTI a structure and `answer.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assistant.answer import Answer, Finding
from assistant.export.files import save_json
from assistant.export.nifti import save_mask
from encoders.geometry import Geometry


def save_answers(answers: Sequence[Answer], geometry: Geometry, folder: Path) -> list[Answer]:
    """Save the masks of all findings and the answers; returns the answers with the paths of their masks.

    A structure's file is `<structure>.nii.gz`; of several lesions each has its number, `<structure>_2.nii.gz`.
    """
    saved: dict[str, Path] = {}
    written = [_with_paths(answer, geometry, folder, saved) for answer in answers]
    save_json([answer.to_dict() for answer in written], folder / "answer.json")
    return written


def _with_paths(answer: Answer, geometry: Geometry, folder: Path, saved: dict[str, Path]) -> Answer:
    seen: dict[str, int] = {}
    findings: list[Finding] = []
    for finding in answer.findings:
        if finding.present:
            seen[finding.structure] = number = seen.get(finding.structure, 0) + 1
            name = finding.structure if number == 1 else f"{finding.structure}_{number}"
            key = f"{name} {finding.box}"
            if key not in saved:
                path = folder / f"{name}.nii.gz"
                saved[key] = save_mask(finding.mask, geometry, path)
            finding = replace(finding, mask_path=str(saved[key]))
        findings.append(finding)
    return replace(answer, findings=tuple(findings))
