"""Which DICOM series are in a folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.study.study import Fact
from encoders.errors import BodyMapsError

MAX_FILES = 50_000

_TAGS = [
    "SeriesInstanceUID", "Modality", "ImageType", "Rows", "Columns", "NumberOfFrames", "SeriesDescription",
    "SliceThickness", "ConvolutionKernel", "KVP", "Manufacturer", "BodyPartExamined", "ContrastBolusAgent",
    "ImagePositionPatient", "ImageOrientationPatient",
    "PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID",
]  # fmt: skip
_FACTS = {
    "Modality": "modality",
    "SliceThickness": "slice_thickness_mm",
    "ConvolutionKernel": "kernel",
    "KVP": "kvp",
    "Manufacturer": "manufacturer",
    "BodyPartExamined": "body_part",
    "ContrastBolusAgent": "contrast_agent",
}
_IDENTIFIERS = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID")


@dataclass
class Series:
    """The image files of one DICOM series."""

    uid: str
    modality: str
    localizer: bool
    facts: dict[str, Fact]
    files: list[Path] = field(default_factory=list)
    pixels: int = 0
    positions: list[tuple[float, ...]] = field(default_factory=list)
    """Centre of the first pixel of each slice, LPS+ mm."""
    orientation: tuple[float, ...] = ()
    """Unit directions in which columns and rows count up, LPS+."""


def is_dicom(path: Path) -> bool:
    """True when the file has DICOM's mark behind its 128-byte preamble."""
    with open(path, "rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def scan(folder: Path) -> list[Series]:
    """Every image series below a folder, in the order of their first files; empty when there is no DICOM.

    Raises BodyMapsError for a folder with more files than a study has, or that cannot be read.
    Identifiers are read only to strike them out of the series description, and are not kept.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    found: dict[str, Series] = {}
    for path in _files(folder):
        try:
            if not is_dicom(path):
                continue
            head = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
            if "Rows" not in head or "SeriesInstanceUID" not in head:
                continue
            uid, pixels, place = str(head.SeriesInstanceUID), _pixels(head), _place(head)
            series = found[uid] if uid in found else _series(head)
        except (InvalidDicomError, OSError, EOFError, ValueError, TypeError, AttributeError):
            continue  # one unreadable file does not spoil a series; dcm2niix reports what is missing
        found[uid] = series
        series.files.append(path)
        if place is not None:
            series.positions.append(place[0])
            series.orientation = place[1]
        series.pixels += pixels
    return list(found.values())


def _files(folder: Path) -> list[Path]:
    """The files below a folder that can be seen, sorted; a single file is itself."""
    if folder.is_file():
        return [folder]

    def unreadable(error: OSError) -> None:
        if error.filename == str(folder):  # a folder inside it may be anything
            raise BodyMapsError(f"{folder}: cannot be read: {error.strerror}") from error

    walk = os.walk(folder, onerror=unreadable)
    found = (path for above, _, names in walk for name in names if os.path.isfile(path := f"{above}/{name}"))
    files = [Path(path) for path in islice(found, MAX_FILES + 1)]
    if len(files) > MAX_FILES:
        raise BodyMapsError(f"{folder}: more than {MAX_FILES} files in it: give the folder of one study")
    return sorted(files)


def _series(head: Any) -> Series:
    """What the first file of a series says of it."""
    localizer = "LOCALIZER" in {str(value).upper() for value in head.get("ImageType") or ()}
    return Series(str(head.SeriesInstanceUID), str(head.get("Modality", "?")), localizer, _facts(head))


def _pixels(head: Any) -> int:
    return int(head.Rows) * int(head.Columns) * int(head.get("NumberOfFrames") or 1)


def _place(head: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Where the first pixel lies and which way columns and rows count up, LPS+; None where that is not said."""
    if "ImagePositionPatient" not in head or "ImageOrientationPatient" not in head:
        return None
    position, orientation = head.ImagePositionPatient, head.ImageOrientationPatient
    return tuple(map(float, position)), tuple(map(float, orientation))


def _facts(head: Any) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"format": "DICOM"}
    for tag, name in _FACTS.items():
        value = head.get(tag)
        if value not in (None, ""):
            numeric = name in ("slice_thickness_mm", "kvp")
            facts[name] = float(value) if numeric else _struck(str(value), head)
    if description := _struck(str(head.get("SeriesDescription") or ""), head):
        facts["series"] = description
    return facts


def _struck(text: str, head: Any) -> str:
    """The text without the patient's name and numbers, and without anything as long as a date."""
    identifiers = " ".join(str(head.get(tag) or "") for tag in _IDENTIFIERS)
    words = {word for word in re.split(r"[\^\s=,]+", identifiers) if len(word) > 1}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\d{6,}|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", "", text)
    return " ".join(text.split())
