"""The two sentences of the talk, from the words to the box: on a phantom with a tumour at a known place, and on the
same phantom without it. The segmenter looks at the pixels.
"""

import nibabel as nib
import numpy as np
import pytest

from assistant import Assistant
from encoders.geometry import Box
from encoders.segmenters.base import Mask, Quality
from eval.phantoms import Block, Ellipsoid, Tube, grid, paint

MEASURE = "Please segment the tumor in the tail of the pancreas and then measure its size."
MARK = "Take a look at these CT scans and mark the suspected tumor region."

BODY = {
    "liver": (Ellipsoid((45, 5, 20), (45, 40, 40)), 110),
    "pancreas": (Block((-5, 10, -20), (100, 18, 24)), 90),
    "aorta": (Tube((-6, -40, -90), (-6, -40, 90), 22), 160),
}
TUMOR = (Ellipsoid((-42, 10, -20), (9, 7, 8)), 45)
"""In the tail: the axial section through its centre is 18 by 14 mm."""


class ByDensity:
    """A perfect model: every structure of the phantom has its own HU."""

    name = "density"

    def __init__(self, *lesions):
        self.hu = {name: hu for name, (_, hu) in BODY.items()} | dict.fromkeys(lesions, TUMOR[1])

    def supported(self):
        return frozenset(self.hu)

    def quality(self, structure):
        return Quality("validated", 1.0, 1)

    def segment(self, volume, structures, progress=None):
        return {s: Mask.from_full(s, volume.hu == self.hu[s], 0.95) for s in structures}


@pytest.fixture(params=[((1.0, 1.0, 1.5), "RAS"), ((2.0, 2.0, 2.5), "LPS"), ((0.9, 2.5, 0.9), "LSA")])
def make(request, tmp_path):
    """make(tumor, lesions): a session on the phantom, on grids of other spacings and axis orders."""
    spacing, orientation = request.param
    extent = {"R": 200, "L": 200, "A": 160, "P": 160, "S": 175, "I": 175}
    shape = [round(extent[axis] / step) for axis, step in zip(orientation, spacing, strict=True)]

    def session(tumor, lesions=("pancreas_tumor",)):
        solids = [(Ellipsoid((0, 0, 0), (98, 78, 400)), 20.0), *BODY.values(), *([TUMOR] if tumor else [])]
        volume = paint(grid(shape, spacing, orientation), solids)
        path = tmp_path / "ct.nii.gz"
        nib.save(nib.Nifti1Image(volume.hu, volume.geometry.affine), path)
        return Assistant(segmenter=ByDensity(*lesions)).open(path)

    return session


def check(answer):
    """Text, region, length and box of the one tumour."""
    (finding,) = [f for f in answer.findings if f.present]
    assert finding.structure == "pancreas_tumor"
    assert finding.value("longest_diameter") == pytest.approx(18, abs=2)
    assert Box.of_mask(finding.mask) == Box(*finding.box.voxel)
    low, high = np.asarray(finding.box.world_mm)
    assert low == pytest.approx(np.subtract(TUMOR[0].centre, TUMOR[0].radii), abs=2.5)
    assert high == pytest.approx(np.add(TUMOR[0].centre, TUMOR[0].radii), abs=2.5)
    assert "tail of the pancreas" in answer.text
    assert f"{finding.value('longest_diameter'):.1f} mm" in answer.text
    assert "slice" in answer.text


def test_segment_the_tumor_in_the_tail_and_measure_it(make):
    answer = make(tumor=True).ask(MEASURE)
    assert answer.status == "act"
    assert [call.tool for call in answer.calls] == ["segment", "measure"]
    check(answer)


def test_mark_the_suspected_tumor_region(make):
    answer = make(tumor=True).ask(MARK)
    assert answer.status == "act"
    check(answer)
    assert "cannot look for liver tumors, kidney tumors" in answer.text


@pytest.mark.parametrize("request_", [MEASURE, MARK])
def test_without_the_tumor_none_is_found(make, request_):
    answer = make(tumor=False).ask(request_)
    assert answer.status == "act"
    (finding,) = answer.findings
    assert (finding.structure, finding.present, finding.box) == ("pancreas_tumor", False, None)
    assert finding.measurements == ()
    assert not finding.mask.any()
    assert "No pancreas tumor was found" in answer.text
    assert " mm" not in answer.text
