"""What a reader may bring: a zip of DICOM, and files that are none or too much."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from eval.phantoms import grid, paint

from .serve import BODY, SOLIDS
from .test_page import ask, open_phantom, upload

if TYPE_CHECKING:
    from .conftest import Served

pytestmark = pytest.mark.browser


@pytest.fixture
def series(tmp_path: Path, write_series: Callable[..., Path]) -> Path:
    """The phantom as a zip of DICOM."""
    volume = paint(grid((80, 56, 24), (4.0, 4.0, 10.0), "LPS"), [(BODY, 20.0), *SOLIDS.values()])
    folder, path = write_series(tmp_path / "series", volume), tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"a/{file.name}")
    return path


def test_a_zip_of_dicom_is_read_and_says_nothing_of_the_patient(page: Page, series: Path):
    upload(page, series)
    expect(page.locator("#facts")).to_contain_text("80 × 56 × 24 voxels")
    expect(page.locator("#facts")).to_contain_text("4.00 × 4.00 × 10.00 mm")
    ask(page, "How big is the liver?")
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)
    content = re.sub(r"base64,[\w+/=]+", "", page.content())
    assert not [secret for secret in ("DOE", "JANE", "ID998877", "19500102", "ACC5544") if secret in content]


def test_a_header_that_promises_too_much_is_a_sentence(page: Page, served: Served, tmp_path: Path):
    open_phantom(page, served)
    image = nib.nifti1.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    data = bytearray(image.to_bytes())
    data[42:48] = np.array([30_000] * 3, "<i2").tobytes()  # the header's dim[1..3]
    path = tmp_path / "huge.nii"
    path.write_bytes(data)
    upload(page, path)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("huge.nii cannot be opened")
    assert str(served.folder) not in alert.inner_text()
    expect(page.locator("#facts")).to_contain_text("phantom.nii.gz")
    ask(page, "How big is the liver?")
    expect(page.locator("#findings tr[data-row]")).to_have_count(1)


def test_a_bad_prior_is_a_sentence_and_a_good_one_is_compared(page: Page, served: Served, tmp_path: Path):
    open_phantom(page, served)
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("this is no image")
    prior = page.locator("input[type=file]").nth(1)
    prior.set_input_files(str(bad))
    expect(page.get_by_role("alert")).to_contain_text("bad.nii.gz cannot be opened")
    prior.set_input_files(str(served.folder / "other.nii.gz"))
    expect(page.locator("#facts")).to_contain_text("prior: other.nii.gz")
    ask(page, "Has the liver grown since the prior?")
    expect(page.locator("#chat .message-row").last).to_contain_text("prior")
