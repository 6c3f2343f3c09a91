import numpy as np
import pytest

from assistant.liver import LIVER_SEGMENTS
from assistant.regions import derive, rule_for
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


def veins(*degrees):
    """Tubes from the vena cava outwards and up, at these angles: 0 is ahead, positive to the patient's right."""
    return [
        Tube((20, -40, 10), (20 + 70 * np.sin(turn), -40 + 70 * np.cos(turn), 40), 8)
        for turn in np.deg2rad(degrees)
    ]


def test_hepatic_veins_split_the_segments_where_they_are_found(liver):
    geometry, organ, landmarks = liver
    tubes = np.any([rasterise(tube, geometry) for tube in veins(-40, 10, 65)], axis=0)
    landmarks |= {"hepatic_vessel": Mask.from_full("hepatic_vessel", tubes, 0.9)}
    parts = derive(rule_for("liver_segment_8"), organ, landmarks, geometry)
    assert "three hepatic veins" in parts["liver_segment_8"].method
    assert "approximation" not in parts["liver_segment_8"].method
    for number, (low, high) in {4: (-40, 10), 5: (10, 65), 8: (10, 65)}.items():
        at = geometry.to_world(np.argwhere(parts[f"liver_segment_{number}"].mask.full()))
        turn = np.rad2deg(np.arctan2(at[:, 0] - 20, at[:, 1] + 40))
        assert low - 5 <= np.quantile(turn, 0.02)
        assert np.quantile(turn, 0.98) <= high + 5
    lobes = derive(rule_for("liver_lobe_left"), organ, landmarks, geometry)
    of_left = [parts[f"liver_segment_{n}"].mask.voxel_count for n in (1, 2, 3, 4)]
    assert lobes["liver_lobe_left"].mask.voxel_count == sum(of_left)


@pytest.mark.parametrize("degrees", [(0, 10, 20), (-40, 10), tuple(range(-60, 90, 10))])
def test_vessels_that_are_not_three_veins_leave_the_approximation(liver, degrees):
    geometry, organ, landmarks = liver
    tubes = np.any([rasterise(tube, geometry) for tube in veins(*degrees)], axis=0)
    landmarks |= {"hepatic_vessel": Mask.from_full("hepatic_vessel", tubes, 0.9)}
    parts = derive(rule_for("liver_segment_8"), organ, landmarks, geometry)
    assert "approximation, not from the hepatic veins" in parts["liver_segment_8"].method


@pytest.mark.parametrize("tilt", [0, 20])
@pytest.mark.parametrize("side", ["left", "right"])
def test_kidney_poles_are_thirds_along_the_kidney(side, tilt):
    geometry = grid((50, 40, 70), 2.0)
    tilt = tilt if side == "left" else -tilt
    kidney = mask_of(f"kidney_{side}", Ellipsoid((0, 0, 0), (20, 18, 55), (0.0, tilt, 0.0)), geometry)
    parts = derive(rule_for(f"kidney_upper_pole_{side}"), kidney, {}, geometry)
    upper, mid, lower = (parts[f"kidney_{pole}_pole_{side}"].mask for pole in ("upper", "mid", "lower"))
    assert centroid(upper, geometry)[2] > centroid(mid, geometry)[2] > centroid(lower, geometry)[2]
    # of an ellipsoid the outer thirds of the length hold 7/27 of the volume each
    shares = [m.voxel_count / kidney.voxel_count for m in (upper, mid, lower)]
    assert shares == pytest.approx([7 / 27, 13 / 27, 7 / 27], abs=0.02)
    assert "approximation" in parts[f"kidney_mid_pole_{side}"].method
    axis = centroid(upper, geometry) - centroid(lower, geometry)
    lean = np.rad2deg(np.arctan2(axis[0], axis[2]))
    assert lean == pytest.approx(tilt, abs=3)


def test_the_lesion_of_the_other_kidney_is_no_part_of_this_one():
    geometry = grid((100, 40, 60), 2.0)
    kidney = mask_of("kidney_left", Ellipsoid((-50, 0, 0), (20, 18, 50)), geometry)
    solids = [Ellipsoid((-50, 0, 48), (9, 9, 9)), Ellipsoid((50, 0, 0), (9, 9, 9))]
    tumors = Mask.from_full("kidney_tumor", np.any([rasterise(s, geometry) for s in solids], axis=0), 0.9)
    parts = derive(rule_for("kidney_upper_pole_left"), kidney, {}, geometry, [tumors])
    total = np.any([region.mask.full() for region in parts.values()], axis=0)
    assert np.array_equal(total, kidney.full() | rasterise(solids[0], geometry))


def test_no_rule_for_what_is_no_region():
    assert rule_for("liver") is None
