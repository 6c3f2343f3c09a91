"""A CT series written here, opened as a study, segmented, and read back from the DICOM SEG."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from assistant.export.dicom_seg import save_dicom_seg
from assistant.study import open_study
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask

pytest.importorskip("highdicom")

SHAPE = (24, 20, 12)  # columns, rows, slices
SPACING = (1.5, 2.0, 3.0)


def write_series(folder):
    """An axial series in LPS whose only dense block lies at known columns, rows and slices."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[4:20, 3:17, 1:11] = 40
    hu[5:9, 4:14, 2:6] = 300
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for k in range(SHAPE[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.Modality, ds.PatientName, ds.PatientID, ds.Manufacturer = "CT", "Phantom^Block", "1", "phantom"
        ds.PatientBirthDate, ds.PatientSex, ds.StudyDate, ds.StudyTime = "", "O", "20200101", "120000"
        ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", "", ""
        ds.SeriesNumber, ds.InstanceNumber = 1, k + 1
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-18, -20, 3.0 * k]
        ds.PixelSpacing, ds.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        ds.Columns, ds.Rows = SHAPE[:2]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU"
        ds.PixelData = np.ascontiguousarray(hu[:, :, k].T).tobytes()
        ds.save_as(folder / f"{k:03}.dcm", enforce_file_format=True)
    return hu


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    return write_series(folder), open_study(folder)


def test_segments_lie_on_the_slices_they_came_from(series, tmp_path):
    hu, study = series
    mask = Mask.from_full("liver", study.volume.hu == 300, 0.9)
    path = save_dicom_seg(
        {"liver": mask, "spleen": Mask.absent("spleen", mask.shape, 0.9)}, study, tmp_path / "s.dcm"
    )
    seg = pydicom.dcmread(path)
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["liver"]
    assert seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert (
        seg.ReferencedSeriesSequence[0].SeriesInstanceUID
        == pydicom.dcmread(study.dicom_files[0]).SeriesInstanceUID
    )
    found = np.zeros_like(hu, bool)
    frames = np.atleast_3d(seg.pixel_array)
    for frame, item in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        k = round(float(item.PlanePositionSequence[0].ImagePositionPatient[2]) / SPACING[2])
        found[:, :, k] = frame.T != 0
    assert np.array_equal(found, hu == 300)


def test_the_box_is_where_the_patient_has_it(series):
    _, study = series
    mask = Mask.from_full("liver", study.volume.hu == 300, 0.9)
    # LPS: columns 5..8 begin at -18 mm, rows 4..13 at -20 mm; RAS turns the signs of x and y
    low, high = study.volume.geometry.world_box(mask.box)
    assert np.allclose(low, (-(-18 + 8.5 * 1.5), -(-20 + 13.5 * 2), 3 * 1.5), atol=1e-3)
    assert np.allclose(high, (-(-18 + 4.5 * 1.5), -(-20 + 3.5 * 2), 3 * 5.5), atol=1e-3)
    assert isinstance(study.volume.geometry, Geometry)
