"""DICOM folders: what is converted, what is said, what is refused, what is forgotten."""

import errno
import os

import numpy as np
import pytest

from assistant.study import open_study, series
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.volume import Volume
from eval.phantoms import grid, paint, rotation


def test_a_series_is_where_it_was_scanned(tmp_path, ct, write_series, organ_centre):
    study = open_study(write_series(tmp_path / "study", ct))
    volume = study.volume
    assert volume.geometry.canonical().same_grid(ct.geometry.canonical())
    assert np.array_equal(volume.canonical().hu, ct.canonical().hu)
    assert np.allclose(organ_centre(volume), organ_centre(ct), atol=1e-3)
    assert study.warnings == ()
    assert study.name == "study"
    assert len(study.dicom_files) == ct.shape[2]
    assert study.facts == {
        "format": "DICOM",
        "modality": "CT",
        "slice_thickness_mm": 3.0,
        "kernel": "B30f",
        "kvp": 120.0,
        "manufacturer": "Phantom Works",
        "series": "Abdomen 1.0 B30f",
    }


def test_oblique_series(tmp_path, write_series, body_and_organ, organ_centre):
    volume = paint(grid((52, 48, 22), (1.1, 1.2, 3.0), "LPS", (8, -5, 12)), body_and_organ)
    study = open_study(write_series(tmp_path / "study", volume))
    assert study.volume.geometry.canonical().same_grid(volume.geometry.canonical(), 0.05)
    assert np.allclose(organ_centre(study.volume), organ_centre(volume), atol=0.05)


@pytest.mark.parametrize("tag", ["NumberOfFrames", "Rows", "ImagePositionPatient", "SliceThickness"])
def test_a_file_with_a_broken_header_does_not_spoil_the_folder(tmp_path, ct, write_series, tag):
    import pydicom

    folder = write_series(tmp_path / "study", ct)
    head = pydicom.dcmread(sorted(folder.iterdir())[0])
    head.SeriesInstanceUID = pydicom.uid.generate_uid()
    head[tag] = pydicom.DataElement(tag, "LO", "1A")  # written as it stands, without a look at it
    head.save_as(folder / "00-broken.dcm")
    assert open_study(folder).volume.shape == ct.shape


def test_one_multi_frame_or_single_file(tmp_path, ct, write_series):
    folder = write_series(tmp_path / "study", ct)
    with pytest.raises(BodyMapsError, match="single slice"):
        open_study(next(folder.iterdir()))


def test_the_largest_ct_series_is_taken_and_it_says_so(tmp_path, ct, write_series):
    write_series(tmp_path / "a", Volume(ct.hu[:, :, :8], Geometry((52, 48, 8), ct.geometry.affine)), number=2)
    write_series(tmp_path / "a" / "deep", ct, number=3, description="Thin")
    write_series(tmp_path / "a" / "mr", paint(grid((60, 60, 30), orientation="LPS"), []), modality="MR")
    study = open_study(tmp_path / "a")
    assert study.volume.shape == ct.shape
    assert study.warnings[0] == (
        'There are 3 series (2 CT, 1 MR); the largest CT series "Thin" with 20 images is used.'
    )


def test_a_localizer_is_not_the_study(tmp_path, ct, write_series):
    scout = paint(grid((400, 400, 2), orientation="LPS"), [])
    write_series(tmp_path / "a", scout, number=2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(tmp_path / "a", ct)
    assert open_study(tmp_path / "a").volume.shape == ct.shape


def test_missing_slices_are_filled_and_said(tmp_path, ct, write_series, organ_centre):
    study = open_study(write_series(tmp_path / "study", ct, skip=(4,)))
    assert any("missing" in warning for warning in study.warnings)
    assert any("distance between the slices varies" in warning for warning in study.warnings)
    assert study.volume.shape == ct.shape
    assert np.allclose(organ_centre(study.volume), organ_centre(ct), atol=1.0)


@pytest.mark.parametrize("lean", [12.0, -15.0])
def test_a_tilted_gantry_is_placed_and_said(tmp_path, write_series, body_and_organ, organ_centre, lean):
    plain = grid((60, 60, 24), (1.0, 1.0, 2.5), "LPS")
    affine = plain.affine.copy()
    affine[:3, :2] = (rotation((lean, 0, 0)) @ plain.affine[:3, :3])[:, :2]  # the table still moves straight
    tilted = paint(Geometry(plain.shape, affine), body_and_organ)
    study = open_study(write_series(tmp_path / "study", tilted, lean=lean))
    assert any("tilted gantry" in warning for warning in study.warnings)
    assert study.volume.geometry.canonical().same_grid(tilted.geometry.canonical(), 0.01)
    assert np.array_equal(study.volume.canonical().hu, tilted.canonical().hu)
    assert np.allclose(organ_centre(study.volume), organ_centre(tilted), atol=0.01)


@pytest.mark.parametrize("modality", ["MR", "PT"])
def test_other_modalities_are_refused(tmp_path, ct, write_series, modality):
    with pytest.raises(BodyMapsError, match=f"are {modality}, not CT"):
        open_study(write_series(tmp_path / "study", ct, modality=modality))


def test_a_folder_without_dicom(tmp_path):
    (tmp_path / "letter.txt").write_text("dear colleague")
    with pytest.raises(BodyMapsError, match="no DICOM images"):
        open_study(tmp_path)


def test_unreadable_pixels_are_one_clear_line(tmp_path, ct, write_series):
    folder = write_series(tmp_path / "study", ct)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(BodyMapsError, match="dcm2niix could not convert") as caught:
        open_study(folder)
    assert "\n" not in str(caught.value)


def test_identifiers_are_not_kept(tmp_path, ct, write_series):
    folder = write_series(
        tmp_path / "study",
        ct,
        description="Liver DOE Jane ID998877 20200304 4.3.2020 portal",
        ContrastBolusAgent="Agent for DOE",
    )
    study = open_study(folder)
    assert study.facts["series"] == "Liver portal"
    kept = repr((study.facts, study.warnings, study.name, study.header and dict(study.header)))
    for secret in ("DOE", "Jane", "JANE", "998877", "1950", "2020", "5544"):
        assert secret not in kept


def test_series_that_promises_too_much_is_refused(tmp_path, ct, write_series):
    folder = write_series(tmp_path / "study", ct, NumberOfFrames=100_000)
    with pytest.raises(BodyMapsError, match="series promises"):
        open_study(folder)


def test_entries_that_cannot_be_seen_are_passed_over(tmp_path, ct, write_series, refuse):
    folder = write_series(tmp_path / "study", ct)
    before = open_study(folder).volume.shape
    (folder / "secret").write_text("")
    refuse(folder / "secret")
    assert open_study(folder).volume.shape == before


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(BodyMapsError, match="cannot be read: Permission denied"):
        open_study(tmp_path)


def test_more_files_than_a_study_has(tmp_path, ct, write_series, monkeypatch):
    folder = write_series(tmp_path / "study", ct)
    monkeypatch.setattr(series, "MAX_FILES", 5)
    with pytest.raises(BodyMapsError, match="more than 5 files in it: give the folder of one study"):
        open_study(folder)
