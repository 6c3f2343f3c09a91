"""A study that is flipped, permuted, mirrored or cropped gives answers that are flipped, permuted, ... alike.

The segmenter here looks at the pixels, as a real one does: every organ of the phantom has its own HU, and of
the two kidneys it tells the side in space.
"""

import nibabel as nib
import numpy as np
import pytest

from assistant import Assistant
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask, Quality

HU = {"liver": 110, "spleen": 120, "aorta": 160, "gallbladder": 10, "kidney_left": 150, "kidney_right": 150}
QUESTION = "segment the liver, the spleen and both kidneys and give volume and longest diameter"


class ByDensity:
    name = "density"

    def supported(self):
        return frozenset(HU)

    def quality(self, structure):
        return Quality("validated", 1.0, 1)

    def segment(self, volume, structures, progress=None):
        masks = {}
        x = volume.geometry.to_world(np.moveaxis(np.indices(volume.shape), 0, -1))[..., 0]
        for structure in structures:
            mask = volume.hu == HU[structure]
            if structure.startswith("kidney"):
                mask &= (x > 0) if structure == "kidney_right" else (x < 0)
            masks[structure] = Mask.from_full(structure, mask, 1.0)
        return masks


def ask(hu, affine, folder, question=QUESTION):
    path = folder / "ct.nii.gz"
    nib.save(nib.Nifti1Image(np.ascontiguousarray(hu), affine), path)
    return Assistant(segmenter=ByDensity()).open(path).ask(question)


@pytest.fixture
def original(study, tmp_path):
    return study.volume, ask(study.volume.hu, study.volume.geometry.affine, tmp_path)


def by_structure(answer):
    return {f.structure: f for f in answer.findings}


def values(finding):
    return {m.kind: m.value for m in finding.measurements}


def assert_exact_boxes(answer):
    for finding in answer.findings:
        assert Box.of_mask(finding.mask) == Box(*finding.box.voxel)


def test_the_original_has_all_four(original):
    _, answer = original
    assert set(by_structure(answer)) == {"liver", "spleen", "kidney_left", "kidney_right"}
    assert_exact_boxes(answer)


@pytest.mark.parametrize(
    ("order", "flips"),
    [((0, 1, 2), (True, True, False)), ((2, 0, 1), (False, False, False)), ((1, 2, 0), (True, False, True))],
)
def test_how_the_file_stores_its_axes_changes_nothing_in_space(original, order, flips, tmp_path):
    volume, before = original
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, old in enumerate(order):
        turn[old, new] = -1 if flips[new] else 1
        turn[old, 3] = volume.shape[old] - 1 if flips[new] else 0
    hu = np.transpose(volume.hu, order)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
    after = ask(hu, volume.geometry.affine @ turn, tmp_path)
    assert_exact_boxes(after)
    geometry = Geometry(hu.shape, volume.geometry.affine @ turn)
    for structure, old in by_structure(before).items():
        new = by_structure(after)[structure]
        assert np.allclose(new.box.world_mm, old.box.world_mm, atol=1e-3)
        assert values(new) == pytest.approx(values(old), rel=1e-4)
        moved = np.transpose(old.mask, order)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
        assert np.array_equal(new.mask, moved)
        for m in new.measurements:
            if m.endpoints_mm is not None:
                k = geometry.to_voxel(m.endpoints_mm)[:, geometry.axial_axis]
                assert k == pytest.approx([m.slice_k, m.slice_k], abs=0.01)


def test_a_mirrored_patient_gives_mirrored_answers(original, tmp_path):
    volume, before = original
    after = ask(volume.hu[::-1], volume.geometry.affine, tmp_path)  # the grid is centred on x = 0
    assert_exact_boxes(after)
    other = {"kidney_left": "kidney_right", "kidney_right": "kidney_left"}
    for structure, old in by_structure(before).items():
        new = by_structure(after)[other.get(structure, structure)]
        (x0, y0, z0), (x1, y1, z1) = old.box.world_mm
        assert np.allclose(new.box.world_mm, ((-x1, y0, z0), (-x0, y1, z1)), atol=1e-3)
        assert values(new) == pytest.approx(values(old), rel=1e-4)
        assert np.array_equal(new.mask, old.mask[::-1])


def test_a_cropped_study_gives_the_same_answers_in_space(original, tmp_path):
    volume, before = original
    box = Box((3, 4, 2), (98, 77, 69))
    part = volume.crop(box)
    after = ask(part.hu, part.geometry.affine, tmp_path)
    assert_exact_boxes(after)
    for structure, old in by_structure(before).items():
        new = by_structure(after)[structure]
        assert np.allclose(new.box.world_mm, old.box.world_mm, atol=1e-3)
        assert np.subtract(old.box.voxel, new.box.voxel).tolist() == [[3, 4, 2], [3, 4, 2]]
        assert values(new) == pytest.approx(values(old), rel=1e-4)
        assert np.array_equal(new.mask, old.mask[box.slices])
    assert after.warnings == before.warnings
    assert not any("cut off" in warning for warning in after.warnings)


def test_a_crop_through_the_liver_is_told(original, tmp_path):
    volume, _ = original
    part = volume.crop(Box((0, 0, 0), (100, 80, 45)))
    answer = ask(part.hu, part.geometry.affine, tmp_path, "how big is the liver?")
    assert "at least" in answer.text
    assert any("top" in warning for warning in answer.warnings)


def test_a_crop_without_the_liver_says_that_it_is_absent(original, tmp_path):
    volume, _ = original
    part = volume.crop(Box((0, 0, 0), (100, 80, 20)))
    answer = ask(part.hu, part.geometry.affine, tmp_path, "how big is the liver?")
    (finding,) = answer.findings
    assert not finding.present
    assert finding.measurements == ()
    assert "not found" in answer.text
