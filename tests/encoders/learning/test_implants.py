import numpy as np
import pytest

from encoders.errors import BodyMapsError
from encoders.learning.cases import OUTSIDE, Case
from encoders.learning.implants import implant, prostate
from encoders.learning.transplants import REST

NAMES = ("unlabelled", OUTSIDE, REST, "hip_left", "hip_right", "urinary_bladder", "colon")


def pelvis():
    """At 3 mm: two hip bones that meet in front, a bladder behind and above, the rectum at the back."""
    labels = np.full((80, 60, 50), 2, np.uint8)
    labels[8:40, 36:44, 12:22] = 3
    labels[40:72, 36:44, 12:22] = 4
    labels[30:50, 22:34, 14:32] = 5
    labels[36:44, 8:14, 5:45] = 6
    return Case("host", 3.0, None, labels, NAMES, frozenset(NAMES[2:]), frozenset(), None)


@pytest.mark.parametrize("seed", range(8))
def test_a_prostate_lies_behind_the_symphysis_below_the_bladder(seed):
    case = prostate(pelvis(), np.random.default_rng(seed))
    value = case.names.index("prostate")
    gland = np.argwhere(case.labels == value)
    bladder = np.argwhere(case.labels == 5)
    assert 8 < len(gland) * 0.027 < 95
    assert gland[:, 1].max() < 36
    assert abs(gland[:, 0].mean() - 39.5) < 3
    assert gland[:, 2].mean() < bladder[:, 2].mean()
    assert "prostate" in case.complete


def test_bones_and_rectum_stay():
    before, after = pelvis(), prostate(pelvis(), np.random.default_rng(0))
    for value in (3, 4, 6):
        assert ((before.labels == value) == (after.labels == value)).all()


def test_no_symphysis_no_prostate():
    case = pelvis()
    case.labels[np.isin(case.labels, (3, 4))] = 2
    assert prostate(case, np.random.default_rng(0)) is None


def test_the_recipe_names_hosts_and_count():
    made = implant({"prostate": {"hosts": ["host"], "count": 3}}, [pelvis()], seed=1)
    assert [c.name for c in made] == [f"prostate-{n}-in-host" for n in range(3)]
    assert len({int((c.labels == len(NAMES)).sum()) for c in made}) == 3
    with pytest.raises(BodyMapsError, match="cannot be implanted"):
        implant({"heart": {"hosts": ["host"], "count": 1}}, [pelvis()], seed=1)
