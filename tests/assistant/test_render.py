from __future__ import annotations

import numpy as np
import pytest

from assistant.render import PLANES, Frame, Layer, Line, render, section, windowed
from encoders.geometry import Box, Geometry
from encoders.volume import Volume

RED = (255, 0, 0)
AIR, WATER, WHITE = -1000, 0, 3000


def volume(shape=(20, 16, 12), spacing=(1.0, 1.0, 1.0), hu=AIR) -> Volume:
    return Volume(np.full(shape, hu, dtype=np.int16), Geometry(shape, np.diag([*spacing, 1.0])))


def layer(box: Box, voxels=None, **more) -> Layer:
    return Layer("liver", RED, box, np.ones(box.shape, bool) if voxels is None else voxels, **more)


def brightest(picture) -> tuple[float, float]:
    """Middle of the bright pixels, as fractions of the width and height."""
    grey = np.asarray(picture.convert("L"), dtype=float)
    rows, columns = np.nonzero(grey > 200)
    return columns.mean() / grey.shape[1], rows.mean() / grey.shape[0]


@pytest.mark.parametrize(
    ("plane", "voxel", "across", "down"),
    [
        ("axial", (18, 8, 6), "left", "middle"),  # the patient's right is on the left
        ("axial", (10, 14, 6), "middle", "top"),  # the front is on top
        ("coronal", (18, 8, 6), "left", "middle"),
        ("coronal", (10, 8, 10), "middle", "top"),  # the head is on top
        ("sagittal", (10, 14, 6), "left", "middle"),  # the face looks left
        ("sagittal", (10, 8, 10), "middle", "top"),
    ],
)
def test_orientation_is_radiological(plane, voxel, across, down):
    ct = volume()
    i, j, k = voxel
    ct.hu[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2] = WHITE
    grey = windowed(section(ct.hu, PLANES[plane], voxel[PLANES[plane].axis]), 40, 400)
    rows, columns = np.nonzero(grey)
    places = {"left": (0, 0.3), "top": (0, 0.3), "middle": (0.3, 0.7)}
    low, high = places[across]
    assert low <= (columns.mean() + 0.5) / grey.shape[1] <= high
    low, high = places[down]
    assert low <= (rows.mean() + 0.5) / grey.shape[0] <= high


def test_picture_shows_what_the_section_shows():
    ct = volume((40, 40, 40))
    ct.hu[28:32, 18:22, 20] = WHITE
    x, y = brightest(render(ct, PLANES["axial"], 20, size=(400, 400)))
    assert (x, y) == pytest.approx((1 - 30 / 40, 0.5), abs=0.02)


def test_millimetres_are_square_for_anisotropic_spacing():
    ct = volume((100, 80, 30), (1.0, 1.0, 5.0))
    assert render(ct, PLANES["axial"], 15, size=(500, 500)).size == (500, 400)
    assert render(ct, PLANES["coronal"], 40, size=(500, 500)).size == (333, 500)  # 100 mm by 150 mm
    frame = Frame.fitting(PLANES["coronal"], ct, (500, 500))
    one_cm_across = frame.position((20, 0, 0))[0] - frame.position((30, 0, 0))[0]
    one_cm_down = frame.position((0, 0, 10))[1] - frame.position((0, 0, 12))[1]
    assert one_cm_across == pytest.approx(one_cm_down)


def test_window_maps_its_ends_to_black_and_white():
    hu = np.array([[-161, -160, 40, 240, 241]], dtype=np.int16)
    assert windowed(hu, 40, 400).tolist() == [[0, 0, 128, 255, 255]]


def test_box_outline_is_on_the_outer_edge_of_its_voxels():
    ct, box = volume((20, 20, 20)), Box((5, 6, 8), (10, 12, 12))
    picture = np.asarray(render(ct, PLANES["axial"], 9, layers=[layer(box)], opacity=0, size=(400, 400)))
    # 20 pixels a voxel; x runs from right to left: voxels 5..9 are columns 10..14 of 20
    left, right, top, bottom = 200, 299, 160, 279
    for y, x in ((top, 250), (bottom, 250), (220, left), (220, right)):
        assert tuple(picture[y, x]) == RED
    for y, x in ((top - 1, 250), (bottom + 1, 250), (220, left - 1), (220, right + 1), (220, 250)):
        assert tuple(picture[y, x]) == (0, 0, 0)


@pytest.mark.parametrize(("index", "seen"), [(7, False), (8, True), (11, True), (12, False)])
def test_box_is_half_open(index, seen):
    box = Box((5, 6, 8), (10, 12, 12))
    picture = np.asarray(render(volume((20, 20, 20)), PLANES["axial"], index, layers=[layer(box)]))
    assert (picture == RED).all(axis=-1).any() == seen


def test_boxes_can_be_switched_off():
    box = Box((5, 6, 8), (10, 12, 12))
    picture = np.asarray(
        render(volume((20, 20, 20)), PLANES["axial"], 9, layers=[layer(box)], boxes=False, opacity=0)
    )
    assert not (picture == RED).all(axis=-1).any()


def test_overlay_blends_the_colour_inside_the_mask_only():
    ct, box = volume((20, 20, 20), hu=40), Box((4, 4, 4), (16, 16, 16))
    voxels = np.zeros(box.shape, bool)
    voxels[:6] = True  # x 4..9: the right half of the picture's box
    show = {"layers": [layer(box, voxels)], "boxes": False, "size": (400, 400)}
    picture = np.asarray(render(ct, PLANES["axial"], 10, opacity=0.5, **show)).astype(int)
    grey = 128
    assert picture[200, 260] == pytest.approx([(255 + grey) / 2, grey / 2, grey / 2], abs=2)
    assert picture[200, 150].tolist() == [grey, grey, grey]
    unpainted = np.asarray(render(ct, PLANES["axial"], 10, opacity=0.0, **show))
    assert unpainted[200, 260].tolist() == [grey, grey, grey]


def test_overlay_follows_its_slice():
    box = Box((4, 4, 4), (16, 16, 16))
    voxels = np.zeros(box.shape, bool)
    voxels[:, :, 3] = True  # only z = 7
    ct, show = volume((20, 20, 20), hu=40), {"layers": [layer(box, voxels)], "boxes": False}
    for index, painted in ((6, False), (7, True), (8, False)):
        red, green, _ = np.asarray(render(ct, PLANES["axial"], index, **show))[380, 380]
        assert bool(red > green) is painted


def test_line_is_drawn_only_in_its_slice_between_its_ends():
    ct, box = volume((20, 20, 20)), Box((2, 2, 2), (18, 18, 18))
    line = Line(((5.0, 10.0, 9.0), (15.0, 10.0, 9.0)), "10.0 mm")
    show = {"layers": [layer(box, lines=(line,))], "opacity": 0, "boxes": False, "size": (400, 400)}
    there = np.asarray(render(ct, PLANES["axial"], 9, **show)).astype(int)
    elsewhere = np.asarray(render(ct, PLANES["axial"], 10, **show)).astype(int)
    y = round((20 - 10.5) * 20)
    assert (there[y, 120] > 150).sum() == 2  # yellow: red and green, not blue
    assert there[y, 70].sum() == 0
    assert elsewhere[y, 120].sum() == 0


def test_letters_name_the_sides_of_the_picture():
    assert PLANES["axial"].letters == ("R", "L", "A", "P")
    assert PLANES["coronal"].letters == ("R", "L", "S", "I")
    assert PLANES["sagittal"].letters == ("A", "P", "S", "I")
    picture = np.asarray(render(volume((20, 20, 20)), PLANES["axial"], 9, size=(400, 400)))
    for part in (
        picture[185:215, :25],
        picture[185:215, -25:],
        picture[:30, 190:210],
        picture[-30:, 190:210],
    ):
        assert part.max() > 150
