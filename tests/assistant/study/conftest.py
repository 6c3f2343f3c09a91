"""A small phantom CT, and a writer of DICOM series."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from encoders.volume import Volume
from eval.phantoms import Ellipsoid, grid, paint

BODY = Ellipsoid((4, -3, 5), (22, 18, 30))
ORGAN = Ellipsoid((-4, 4, 0), (8, 7, 9), (10, 20, 30))


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
def write_series():
    return _series


@pytest.fixture
def ct() -> Volume:
    """A body with an organ, on a small grid as DICOM lays it out."""
    return paint(grid((52, 48, 20), (1.1, 1.2, 3.0), "LPS", centre=(3, -2, 7)), [(BODY, 20), (ORGAN, 120)])


@pytest.fixture
def organ_centre():
    """organ_centre(volume): where the bright organ is, RAS+ mm."""

    def of(volume: Volume) -> np.ndarray:
        return volume.geometry.to_world(np.argwhere(volume.hu > 70).mean(axis=0))

    return of


@pytest.fixture
def body_and_organ():
    return [(BODY, 20), (ORGAN, 120)]
