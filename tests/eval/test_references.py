import sys

import numpy as np
import pytest
import trimesh

from encoders.errors import BodyMapsError
from eval.references import read_stl, voxelise


def test_a_sphere_becomes_the_ball(tmp_path):
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=9.3)
    mesh.apply_translation((14.2, 15.1, 13.7))
    path = tmp_path / "ball.stl"
    mesh.export(path)
    mask = voxelise(read_stl(path), (30, 31, 29))
    grid = np.stack(np.meshgrid(*map(np.arange, mask.shape), indexing="ij"), -1)
    truth = np.linalg.norm(grid - (14.2, 15.1, 13.7), axis=-1) < 9.3
    assert (mask != truth).sum() < 0.02 * truth.sum()


def test_a_surface_that_leaves_the_grid_is_cut():
    box = trimesh.creation.box((10, 10, 10))
    mask = voxelise(np.asarray(box.triangles, float), (8, 8, 8))
    assert mask[:6, :6, :6].sum() == 5 * 5 * 5
    assert mask.sum() == 125


def test_without_trimesh_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(BodyMapsError, match=r"need trimesh: `python3 bootstrap\.py --extra train`"):
        read_stl(tmp_path / "ball.stl")
