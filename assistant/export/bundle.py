"""All that a conversation found, to take away: masks, findings, report and pictures in one folder or zip.

Nothing in it names the patient, the study's file or a folder of this computer.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assistant.answer import Finding
from assistant.export.answers import table
from assistant.export.pdf import pdf
from assistant.export.pictures import pictures
from assistant.export.report import markdown
from assistant.export.words import bundle
from assistant.places import findings
from encoders.errors import BodyMapsError
from encoders.files import replacing

if TYPE_CHECKING:
    from assistant.session import Session

MASKS, PICTURES = "masks", "pictures"


def save_all(session: Session, target: Path) -> Path:
    """Everything into a folder, or into one file when `target` ends in .zip; returns the target.

    Raises BodyMapsError when nothing was looked for yet, or the target cannot be written.
    """
    if target.suffix.lower() == ".zip":
        with replacing(target) as temporary:
            temporary.write_bytes(zipped(session))
        return target
    if target.exists() and not target.is_dir():
        raise BodyMapsError(bundle()["target"].format(target=target))
    for name, data in parts(session):
        with replacing(target / name) as temporary:
            temporary.write_bytes(data)
    return target


def zipped(session: Session) -> bytes:
    """Everything as one zip, in memory. Raises BodyMapsError when nothing was looked for yet."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts(session):
            packed = name.endswith((".gz", ".png", ".pdf"))
            archive.writestr(name, data, zipfile.ZIP_STORED if packed else None)
    return buffer.getvalue()


def parts(session: Session) -> Iterator[tuple[str, bytes]]:
    """The files, by their names with `/`.

    `masks/<structure>.nii.gz` on the study's grid, `findings.csv` (one row a measurement), `findings.json`,
    `report.md`, `report.pdf`, `pictures/<number>_<structure>_<plane>_<slice>.png`.
    """
    from assistant.study.save import nifti_bytes

    study = session.study
    found = _named(findings(session.history))
    if not found:
        raise BodyMapsError(bundle()["empty"])
    for finding in found:
        if finding.mask_path is not None:
            yield finding.mask_path, nifti_bytes(finding.mask.astype(np.uint8), study, gzipped=True)
    yield "findings.csv", table(found).encode()
    yield "findings.json", json.dumps(_record(session, found), indent=1, ensure_ascii=False).encode()
    drawn = list(pictures(found, study.volume))
    text = markdown(session, found, drawn, PICTURES)
    yield "report.md", text.encode()
    yield "report.pdf", pdf(text, {f"{PICTURES}/{p.name}": p.image for p in drawn})
    for picture in drawn:
        png = io.BytesIO()
        picture.image.save(png, "PNG")
        yield f"{PICTURES}/{picture.name}", png.getvalue()


def _named(found: Sequence[Finding]) -> list[Finding]:
    """The findings with the names of their masks' files; the second of a structure is `<structure>_2`."""
    seen: Counter[str] = Counter()
    named = []
    for finding in found:
        path = None
        if finding.present:
            seen[finding.structure] += 1
            number = seen[finding.structure]
            path = f"{MASKS}/{finding.structure}{f'_{number}' if number > 1 else ''}.nii.gz"
        named.append(replace(finding, mask_path=path))
    return named


def _record(session: Session, found: Sequence[Finding]) -> dict[str, object]:
    geometry = session.study.volume.geometry
    return {
        "scan": {
            "shape": list(geometry.shape),
            "spacing_mm": [round(float(v), 6) for v in geometry.spacing],
            "affine": [[round(float(v), 6) for v in row] for row in geometry.affine],
        },
        "segmenter": session.workspace.segmenter.name,
        "warnings": list(session.study.warnings),
        "findings": [finding.to_dict() for finding in found],
    }
