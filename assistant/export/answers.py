"""A conversation's answers on disk: one NIfTI a structure and `answer.json`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from assistant.answer import Answer, Finding
from assistant.study import Study, save_mask
from encoders.files import replacing, save_json


def save_answer(answer: Answer, study: Study, folder: Path) -> Answer:
    """Save the masks of an answer's findings; returns the answer with their paths.

    A structure's file is `<structure>.nii.gz`; of several lesions the next ones are `<structure>_2.nii.gz`...
    """
    seen: Counter[str] = Counter()
    findings = []
    for finding in answer.findings:
        if finding.present:
            seen[finding.structure] += 1
            number = seen[finding.structure]
            name = finding.structure if number == 1 else f"{finding.structure}_{number}"
            path = save_mask(finding.mask, study, folder / f"{name}.nii.gz")
            finding = replace(finding, mask_path=str(path))
        findings.append(finding)
    return replace(answer, findings=tuple(findings))


def save_record(answers: Sequence[Answer], folder: Path) -> Path:
    """`answer.json`: the answer as the contract writes it, or a list of them for several turns."""
    records = [answer.to_dict() for answer in answers]
    return save_json(records[0] if len(records) == 1 else records, folder / "answer.json")


def save_table(answers: Sequence[Answer], folder: Path) -> Path:
    """`measurements.csv`: the table of the answers' findings."""
    path = folder / "measurements.csv"
    with replacing(path) as temporary:
        temporary.write_text(table([f for answer in answers for f in answer.findings]), encoding="utf-8")
    return path


def table(findings: Iterable[Finding]) -> str:
    """CSV: one row a measurement, and one for a finding without any."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["structure", "label", "present", "confidence", "measure", "value", "unit", "slice_k"])
    for finding in findings:
        head = [finding.structure, finding.label, finding.present, round(finding.confidence, 3)]
        for m in finding.measurements:
            rows.writerow([*head, m.kind, round(m.value, 3), m.unit, m.slice_k])
        if not finding.measurements:
            rows.writerow([*head, "", "", "", ""])
    return text.getvalue()
