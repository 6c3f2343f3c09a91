"""Masks as a DICOM Segmentation object that refers to the series it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.errors import BodyMapsError, install
from encoders.files import replacing
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.study import Study

CATEGORY = {
    "organ": ("123037004", "Anatomical Structure"),
    "lesion": ("49755003", "Morphologically Abnormal Structure"),
}
"""SNOMED CT codes of segment categories."""


def save_dicom_seg(masks: Mapping[str, Mask], study: Study, path: Path) -> Path:
    """One binary segment for each present mask.

    Raises BodyMapsError when highdicom is not installed, the study was no DICOM series, or its slices do not
    lie on the study's grid.
    """
    try:
        import highdicom as hd
        from pydicom.uid import ExplicitVRLittleEndian
    except ImportError as error:
        raise BodyMapsError(
            f"DICOM SEG needs highdicom: {install('dicom')}; or use --format nifti"
        ) from error
    source = _source(study)
    grid = _grid(source)
    geometry = study.volume.geometry
    if not geometry.canonical().same_grid(grid.canonical(), tolerance_mm=0.1):
        raise BodyMapsError(
            "the DICOM slices do not form the study's grid (tilted or uneven): use --format nifti"
        )
    present = {name: mask for name, mask in masks.items() if mask.present}
    if not present:
        raise BodyMapsError("there is nothing to save: no structure was found")
    frames = [grid.from_canonical(geometry.to_canonical(mask.full())) for mask in present.values()]
    # highdicom wants (slice, row, column, segment); the grid's axes are column, row, slice
    pixels = np.stack([frame.transpose(2, 1, 0) for frame in frames], axis=-1).astype(np.uint8)
    seg = hd.seg.Segmentation(
        source_images=source,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(n, name) for n, name in enumerate(present, start=1)],
        series_instance_uid=hd.UID(),
        series_number=900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="bodymaps",
        manufacturer_model_name="bodymaps",
        software_versions="0.1",
        device_serial_number="0",
        series_description="bodymaps segmentation",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    with replacing(path) as temporary:
        seg.save_as(temporary)
    return path


def _segment(number: int, name: str) -> Any:
    import highdicom as hd
    from highdicom.sr import CodedConcept

    entry = ontology()[name]
    code = entry.codes.get("SCT")
    kind = (
        CodedConcept(code, "SCT", entry.name) if code else CodedConcept(name[:16], "99BODYMAPS", entry.name)
    )
    value, meaning = CATEGORY.get(entry.kind, CATEGORY["organ"])
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=entry.name,
        segmented_property_category=CodedConcept(value, "SCT", meaning),
        segmented_property_type=kind,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="bodymaps", version="0.1", family=CodedConcept("123109", "DCM", "Artificial Intelligence")
        ),
    )


def _source(study: Study) -> list[Any]:
    """The series' slices from foot to head of the stack."""
    import pydicom

    if not study.dicom_files:
        raise BodyMapsError("DICOM SEG needs a study that was opened from DICOM: use --format nifti")
    slices = [pydicom.dcmread(file) for file in study.dicom_files]
    normal = np.cross(*np.reshape(np.asarray(slices[0].ImageOrientationPatient, float), (2, 3)))
    return sorted(slices, key=lambda s: float(np.dot(normal, np.asarray(s.ImagePositionPatient, float))))


def _grid(slices: list[Any]) -> Geometry:
    """Columns, rows, slices of a sorted series as a grid in RAS+ (DICOM itself is LPS)."""
    first, last = slices[0], slices[-1]
    across, down = np.reshape(np.asarray(first.ImageOrientationPatient, float), (2, 3))
    row_mm, column_mm = map(float, first.PixelSpacing)
    start, end = (np.asarray(s.ImagePositionPatient, float) for s in (first, last))
    step = (end - start) / (len(slices) - 1) if len(slices) > 1 else np.cross(across, down)
    affine = np.eye(4)
    affine[:3] = np.column_stack([across * column_mm, down * row_mm, step, start])
    affine[:2] *= -1
    return Geometry((int(first.Columns), int(first.Rows), len(slices)), affine)
