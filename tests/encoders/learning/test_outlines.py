"""Structures drawn by eye: what lies inside polygons, between slices, and in the range of the structure."""

import numpy as np
import pytest
import yaml

from encoders.errors import BodyMapsError
from encoders.learning.outlines import in_range, read_outlines, solid


def disc(centre, radius):
    angles = np.linspace(0, 2 * np.pi, 60)
    return [[float(centre[0] + radius * np.cos(a)), float(centre[1] + radius * np.sin(a))] for a in angles]


def test_between_two_discs_lies_a_frustum():
    low, high, height = 12.0, 6.0, 20
    mask = solid(
        {"shape": [60, 50, 40], "slices": {8: [disc((30, 20), low)], 8 + height: [disc((30, 20), high)]}}
    )
    assert np.flatnonzero(mask.any((0, 1))).tolist() == list(range(8, 9 + height))
    for z in range(8, 9 + height):
        radius = low + (high - low) * (z - 8) / height
        measured = np.sqrt(mask[:, :, z].sum() / np.pi)  # with the voxels that the line crosses
        assert measured == pytest.approx(radius + 0.3, abs=0.7)
        assert np.argwhere(mask[:, :, z]).mean(0) == pytest.approx([30, 20], abs=0.6)


def test_polygons_of_a_slice_add_up():
    mask = solid({"shape": [60, 50, 4], "slices": {2: [disc((12, 12), 8), disc((45, 30), 8)]}})
    assert mask[12, 12, 2]
    assert mask[45, 30, 2]
    assert not mask[28, 21, 2]
    assert not mask[:, :, [0, 1, 3]].any()


def test_what_is_too_dark_or_too_bright_is_left_out():
    mask = np.zeros((30, 30, 30), bool)
    mask[5:25, 5:25, 5:25] = True
    hu = np.full(mask.shape, 60, np.int16)
    hu[:, :, :10] = -100  # fat
    hu[:, :10] = 200  # a vessel
    left = in_range(mask, hu, (5, 95))
    assert left[12:25, 12:25, 12:25].sum() == (mask[12:, 12:, 12:]).sum()
    assert not left[:, :, :10].any()
    assert not left[:, :10].any()
    assert not in_range(np.zeros_like(mask), hu, (5, 95)).any()


def test_files_are_found_by_path_or_name(tmp_path):
    content = {"structure": "liver", "shape": [4, 4, 4], "spacing_mm": 2.0, "hu": [0, 90], "slices": {}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    assert read_outlines(str(tmp_path / "own.yaml")) == content
    assert read_outlines("s0029-pancreas.yaml")["structure"] == "pancreas"
    with pytest.raises(BodyMapsError, match="no outlines nowhere"):
        read_outlines("nowhere.yaml")
