"""Fixtures that all tests share: a phantom trunk, a segmenter that knows its solids exactly, DICOM series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from assistant.session import Session
from assistant.study import Study
from encoders.geometry import Geometry
from encoders.volume import Volume
from eval.oracle import Oracle
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint

TRUNK: dict[str, tuple[Solid, float]] = {
    "liver": (Ellipsoid((45, 5, 20), (45, 40, 40)), 110),
    "spleen": (Ellipsoid((-65, -20, 30), (20, 18, 30)), 120),
    "kidney_right": (Ellipsoid((45, -45, -40), (18, 16, 34)), 150),
    "kidney_left": (Ellipsoid((-45, -45, -38), (20, 17, 36)), 150),
    "pancreas": (Block((-5, 10, -20), (100, 18, 24)), 90),
    "aorta": (Tube((-6, -40, -90), (-6, -40, 90), 22), 160),
    "inferior_vena_cava": (Tube((20, -35, -90), (20, -35, 90), 20), 130),
    "gallbladder": (Ellipsoid((38, 35, -5), (9, 12, 9)), 10),
}
"""Where the organs of the phantom are, RAS+ mm, and their HU."""

TUMOR: tuple[Solid, float] = (Ellipsoid((-42, 10, -20), (9, 7, 8)), 45)
"""In the tail of the pancreas: its longest axial diameter is 18 mm."""


def trunk_geometry(**options: object) -> Geometry:
    return grid((100, 80, 70), (2.0, 2.0, 2.5), **options)


def trunk(geometry: Geometry | None = None, tumor: bool = True) -> Study:
    """The phantom trunk on a grid."""
    solids = [(Ellipsoid((0, 0, 0), (98, 78, 400)), 20.0), *TRUNK.values(), *([TUMOR] if tumor else [])]
    return Study(paint(geometry or trunk_geometry(), solids), Path("phantom.nii.gz"), "phantom")


ORGANS: dict[str, Solid] = {name: solid for name, (solid, _) in TRUNK.items()}


@pytest.fixture
def study() -> Study:
    return trunk()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """make_study(geometry=None, tumor=True): the phantom trunk."""
    return trunk


@pytest.fixture
def make_geometry() -> Callable[..., Geometry]:
    """make_geometry(**options of eval.phantoms.grid): the grid of the phantom trunk."""
    return trunk_geometry


@pytest.fixture
def make_segmenter() -> Callable[..., Oracle]:
    """make_segmenter(extra solids by id, absent=ids): knows the organs of the phantom and these."""

    def make(extra: Mapping[str, Solid] | None = None, absent: Iterable[str] = ()) -> Oracle:
        return Oracle(ORGANS | dict(extra or {}), frozenset(absent), "phantom")

    return make


@pytest.fixture
def segmenter() -> Oracle:
    """Knows the organs of the phantom and its tumour."""
    return Oracle(ORGANS | {"pancreas_tumor": TUMOR[0]}, name="phantom")


@pytest.fixture
def organs_only() -> Oracle:
    """Knows the organs, cannot look for tumours."""
    return Oracle(ORGANS, name="phantom")


@pytest.fixture
def session(study: Study, segmenter: Oracle) -> Session:
    return Session(study, segmenter)  # type: ignore[arg-type]


def _series(
    folder: Path,
    volume: Volume,
    *,
    modality: str = "CT",
    description: str = "Abdomen 1.0 B30f",
    number: int = 1,
    skip: Iterable[int] = (),
    lean: float = 0.0,
    **attributes: object,
) -> Path:
    """One DICOM file a slice of a volume whose axes run L, P, S; `lean`: degrees that the slices tilt."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    assert volume.geometry.orientation == "LPS"
    folder.mkdir(parents=True, exist_ok=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    di, dj, dk = volume.geometry.spacing
    across, down = (volume.geometry.affine[:3, axis] * (-1, -1, 1) for axis in (0, 1))
    for k in set(range(volume.shape[2])) - set(skip):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        file.SeriesInstanceUID, file.StudyInstanceUID, file.FrameOfReferenceUID = series, study, frame
        file.PatientName, file.PatientID, file.PatientBirthDate = "DOE^JANE", "ID998877", "19500102"
        file.StudyDate, file.StudyTime, file.AccessionNumber = "20200304", "101112", "ACC5544"
        file.Modality, file.SeriesDescription, file.SeriesNumber = modality, description, number
        file.InstanceNumber, file.AcquisitionNumber, file.Manufacturer = k + 1, 1, "Phantom Works"
        file.ImageType, file.PatientPosition = ["ORIGINAL", "PRIMARY", "AXIAL"], "HFS"
        file.KVP, file.ConvolutionKernel, file.SliceThickness = 120, "B30f", dk
        file.PixelSpacing, file.GantryDetectorTilt = [dj, di], lean
        file.ImageOrientationPatient = [*(across / di), *(down / dj)]
        file.ImagePositionPatient = list(volume.geometry.to_world((0, 0, k)) * (-1, -1, 1))
        file.Columns, file.Rows = volume.shape[:2]
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 0
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.RescaleSlope, file.RescaleIntercept = 1, -1024
        for name, value in attributes.items():
            setattr(file, name, value)
        file.PixelData = (volume.hu[:, :, k].T.astype(np.int32) + 1024).astype("<u2").tobytes()
        file.save_as(folder / f"image-{number}-{k:03d}", enforce_file_format=True)
    return folder


@pytest.fixture
def write_series() -> Callable[..., Path]:
    return _series
