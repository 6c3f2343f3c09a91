"""Bones from seeds: which bright voxels each reaches first, where paths end, and what a case learns of them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from encoders.errors import BodyMapsError
from encoders.learning.bones import bright, territories
from encoders.learning.cases import UNCERTAIN
from encoders.learning.layers import Layers
from encoders.learning.outlines import read_outlines
from encoders.learning.recipe import read_recipe
from prompts.ontology import ontology


@pytest.fixture
def two_bones():
    """(hu, free): two cortical bars along y, 4 x 30 x 4 voxels, touching at a joint of 170 HU at y = 34."""
    hu = np.full((20, 70, 20), 30, np.int16)
    hu[8:12, 4:34, 8:12] = 600
    hu[8:12, 34, 8:12] = 170
    hu[8:12, 35:65, 8:12] = 600
    return hu, np.ones(hu.shape, bool)


def test_bones_are_told_apart_at_the_joint_and_not_halfway_between_seeds(two_bones):
    hu, free = two_bones
    found = territories(hu, bright(hu, free), {"femur_left": [[10, 14, 10]], "hip_left": [[10, 40, 10]]})
    assert found["femur_left"][:, 4:34].sum() == 16 * 30
    assert found["hip_left"][:, 35:].sum() == 16 * 30
    assert not (found["femur_left"] & found["hip_left"]).any()
    assert not (found["femur_left"] | found["hip_left"])[hu < 160].any()


def test_a_seed_beside_a_bone_moves_into_it_and_one_far_away_is_dropped(two_bones):
    hu, free = two_bones
    found = territories(hu, bright(hu, free), {"femur_left": [[14, 20, 10]], "sternum": [[2, 2, 2]]})
    assert set(found) == {"femur_left"}
    assert found["femur_left"].sum() > 16 * 30
    assert territories(hu, bright(hu, free), {"sternum": [[2, 2, 2]]}) == {}


def test_contrast_far_from_a_seed_belongs_to_none():
    hu = np.full((12, 100, 12), 30, np.int16)
    hu[4:8, 2:98, 4:8] = 200  # a vessel full of contrast
    found = territories(hu, bright(hu, np.ones(hu.shape, bool)), {"ribs_left": [[6, 4, 6]]})["ribs_left"]
    assert found[6, 4, 6]
    assert np.argwhere(found)[:, 1].max() < 20


def test_marrow_is_bone_and_what_is_labelled_otherwise_is_not():
    x, y, z = np.ogrid[:30, :30, :30]
    radius = np.sqrt((x - 15) ** 2 + (y - 15) ** 2 + (z - 15) ** 2)
    hu = np.where(radius < 10, 80, -90).astype(np.int16)  # marrow in a shell
    hu[(radius >= 8) & (radius < 10)] = 500
    free = np.ones(hu.shape, bool)
    assert bright(hu, free)[15, 15, 15]
    assert not bright(hu, free)[radius > 12].any()
    free[:15] = False
    assert not bright(hu, free)[:15].any()


def test_discs_are_no_bone():
    """Two bodies of 24 mm with marrow of 110 HU, and 6 mm of disc of 80 HU between them, at 3 mm."""
    hu = np.full((24, 24, 22), 20, np.int16)
    for low in (1, 11):
        body = hu[6:18, 6:18, low : low + 8]
        body[:] = 400
        body[2:-2, 2:-2, 1:-1] = 110
    hu[6:18, 6:18, 9:11] = 80
    mask = bright(hu, np.ones(hu.shape, bool))
    assert mask[6:18, 6:18, 1:9].all()
    assert mask[6:18, 6:18, 11:19].all()
    assert not mask[:, :, 9:11].any()


def test_a_case_learns_bones_where_nothing_else_is_labelled(tmp_path, two_bones):
    hu, _ = two_bones
    hu[2:5, 30:40, 2:5] = 300  # a calcification that no seed reaches
    content = {
        "shape": [10, 35, 10],
        "spacing_mm": 6.0,
        "seeds": {"femur_left": [[4.5, 3, 4.5]], "none": [[4.5, 24, 4.5]]},
    }
    (tmp_path / "bones.yaml").write_text(yaml.safe_dump(content))
    layers = Layers(3.0, hu)
    aorta = np.zeros(hu.shape, bool)
    aorta[8:12, 4:8, 8:12] = True
    layers.mark("aorta", aorta)
    layers.grow_seeds({"seeds": str(tmp_path / "bones.yaml")})
    assert layers.names == ["unlabelled", "aorta", "femur_left", UNCERTAIN]
    labels = np.array(layers.names)[layers.labels]
    assert (labels[aorta] == "aorta").all()
    assert (labels[8:12, 8:34, 8:12] == "femur_left").all()
    assert (labels[8:12, 36:65, 8:12] == "unlabelled").all()
    assert (labels[2:5, 30:40, 2:5] == UNCERTAIN).all()
    assert layers.complete == {"femur_left"}
    with pytest.raises(BodyMapsError, match="another grid"):
        Layers(1.5, hu).grow_seeds({"seeds": str(tmp_path / "bones.yaml")})


@pytest.mark.parametrize("name", ["s0015-bones.yaml", "s0028-bones.yaml", "s0029-bones.yaml"])
def test_the_projects_seeds_lie_in_their_grids_and_on_their_sides(name):
    content = read_outlines(name)
    assert set(content["seeds"]) - {"none"} <= set(ontology())
    for structure, points in content["seeds"].items():
        assert (np.array(points) >= 0).all()
        assert (np.array(points) < content["shape"]).all()
        if structure.endswith("_left"):
            other = content["seeds"][structure.replace("_left", "_right")]
            assert np.mean(points, 0)[0] < np.mean(other, 0)[0]  # the grid's x grows to the right


def test_the_recipe_reads_them():
    cases = {case["name"]: case for case in read_recipe(Path("embedded-bones.yaml"))["cases"]}
    for name in ("s0015", "s0028", "s0029"):
        assert {"seeds": f"{name}-bones.yaml"} in cases[name]["labels"]
