import numpy as np
import pytest

from assistant.regions import LIVER_SEGMENTS, derive, rule_for
from encoders.segmenters.base import Mask
from eval.phantoms import Block, Ellipsoid, Tube, grid, rasterise


def mask_of(name, solid, geometry):
    return Mask.from_full(name, rasterise(solid, geometry), 0.9)


def centroid(mask, geometry):
    return geometry.to_world(np.argwhere(mask.full())).mean(axis=0)


@pytest.fixture
def gland():
    """A pancreas 120 mm long, head at the patient's right, and the aorta 20 mm right of its middle."""
    geometry = grid((90, 40, 40), 2.0)
    pancreas = mask_of("pancreas", Block((0, 0, 0), (120, 20, 20)), geometry)
    aorta = mask_of("aorta", Tube((20, -30, -40), (20, -30, 40), 16), geometry)
    return geometry, pancreas, aorta


def test_pancreas_head_lies_right_of_the_landmark_and_the_tail_farthest_left(gland):
    geometry, pancreas, aorta = gland
    parts = derive(rule_for("pancreas_tail"), pancreas, {"aorta": aorta}, geometry)
    head, body, tail = (parts[f"pancreas_{p}"].mask for p in ("head", "body", "tail"))
    assert centroid(head, geometry)[0] > 20 > centroid(body, geometry)[0] > centroid(tail, geometry)[0]
    volumes = [m.voxel_count * geometry.voxel_ml for m in (head, body, tail)]
    assert volumes == pytest.approx([16, 16, 16], rel=0.1)
    assert "aorta" in parts["pancreas_tail"].method
    assert "not segmented" in parts["pancreas_tail"].method


def test_parts_make_up_the_organ_without_overlap(gland):
    geometry, pancreas, aorta = gland
    parts = derive(rule_for("pancreas_tail"), pancreas, {"aorta": aorta}, geometry)
    total = sum(region.mask.full().astype(int) for region in parts.values())
    assert np.array_equal(total, pancreas.full().astype(int))


def test_without_a_landmark_the_rule_says_that_it_guesses(gland):
    geometry, pancreas, _ = gland
    parts = derive(rule_for("pancreas_tail"), pancreas, {}, geometry)
    assert "no landmark" in parts["pancreas_head"].method
    assert parts["pancreas_head"].mask.voxel_count == pytest.approx(0.4 * pancreas.voxel_count, rel=0.05)


def test_superior_mesenteric_artery_is_preferred(gland):
    geometry, pancreas, aorta = gland
    artery = mask_of("superior_mesenteric_artery", Tube((0, -12, -40), (0, -12, 40), 8), geometry)
    landmarks = {"superior_mesenteric_artery": artery, "aorta": aorta}
    parts = derive(rule_for("pancreas_head"), pancreas, landmarks, geometry)
    assert parts["pancreas_head"].mask.voxel_count == pytest.approx(0.5 * pancreas.voxel_count, rel=0.05)


def test_parts_do_not_depend_on_how_the_file_stores_its_axes(gland):
    geometry, pancreas, aorta = gland
    flipped = grid((40, 90, 40), 2.0, "PLS")
    other = derive(
        rule_for("pancreas_tail"),
        mask_of("pancreas", Block((0, 0, 0), (120, 20, 20)), flipped),
        {"aorta": mask_of("aorta", Tube((20, -30, -40), (20, -30, 40), 16), flipped)},
        flipped,
    )["pancreas_tail"].mask
    here = derive(rule_for("pancreas_tail"), pancreas, {"aorta": aorta}, geometry)["pancreas_tail"].mask
    assert centroid(other, flipped) == pytest.approx(centroid(here, geometry), abs=1e-6)


def test_absent_organ_has_absent_parts(gland):
    geometry, pancreas, _ = gland
    parts = derive(rule_for("pancreas_tail"), Mask.absent("pancreas", pancreas.shape, 0.7), {}, geometry)
    assert all(not region.mask.present for region in parts.values())


@pytest.fixture
def liver():
    geometry = grid((70, 60, 60), 3.0)
    return (
        geometry,
        mask_of("liver", Ellipsoid((30, 10, 0), (75, 60, 60)), geometry),
        {
            "inferior_vena_cava": mask_of(
                "inferior_vena_cava", Tube((20, -40, -80), (20, -40, 80), 22), geometry
            ),
            "gallbladder": mask_of("gallbladder", Ellipsoid((35, 45, -30), (12, 12, 15)), geometry),
            "portal_vein_and_splenic_vein": mask_of(
                "portal_vein_and_splenic_vein", Tube((60, -10, -6), (-40, -10, -6), 14), geometry
            ),
        },
    )


def test_liver_lobes_lie_on_their_sides_and_say_that_they_are_approximate(liver):
    geometry, organ, landmarks = liver
    lobes = derive(rule_for("liver_lobe_left"), organ, landmarks, geometry)
    left, right = lobes["liver_lobe_left"], lobes["liver_lobe_right"]
    assert centroid(left.mask, geometry)[0] < centroid(right.mask, geometry)[0]
    assert left.mask.voxel_count + right.mask.voxel_count == organ.voxel_count
    assert "approximation" in left.method
    assert "gallbladder" in left.method


def test_segments_fill_the_liver_and_are_where_couinaud_puts_them(liver):
    geometry, organ, landmarks = liver
    parts = derive(rule_for("liver_segment_7"), organ, landmarks, geometry)
    assert set(parts) == set(LIVER_SEGMENTS)
    assert sum(p.mask.voxel_count for p in parts.values()) == organ.voxel_count
    place = {n: centroid(parts[f"liver_segment_{n}"].mask, geometry) for n in range(1, 9)}
    assert place[7][2] > place[6][2]  # 7 above 6, both at the back of the right lobe
    assert place[8][2] > place[5][2]
    assert place[8][1] > place[7][1]  # 8 in front of 7
    assert place[2][0] < place[4][0] < place[5][0]  # from the patient's left to the right
    assert "portal vein" in parts["liver_segment_7"].method


def test_no_rule_for_what_is_no_region():
    assert rule_for("liver") is None
