import numpy as np

from encoders.learning.rules import lungs

SPACING = 4.0


def ball(shape, centre, radii):
    grid = np.indices(shape).transpose(1, 2, 3, 0)
    return (((grid - centre) / radii) ** 2).sum(-1) <= 1


def chest(left=(22, 25, 25), right=(58, 25, 25)):
    """Two lungs of 56 mm x 64 mm x 80 mm half-axes, a trachea between them, air in the stomach."""
    shape = (80, 50, 60)
    body = ball(shape, (40, 25, 30), (38, 23, 200))
    hu = np.where(body, 40, -1000).astype(np.int16)
    sides = [ball(shape, c, (12, 15, 18)) for c in (left, right)]
    for lung in sides:
        hu[lung] = -800
    hu[ball(shape, (40, 30, 50), (2, 2, 30))] = -990
    hu[ball(shape, (25, 30, 52), (6, 5, 5))] = -1000  # bowel gas
    return hu, body, sides


def test_both_lungs_without_trachea_and_bowel_gas():
    hu, body, (left, right) = chest()
    found = lungs(hu, body, SPACING)
    for name, truth in (("lung_left", left), ("lung_right", right)):
        overlap = 2 * (found[name] & truth).sum() / (found[name].sum() + truth.sum())
        assert overlap > 0.97
        assert not found[name][38:43, 28:33].any()


def test_nothing_is_labelled_when_one_lung_is_missing():
    hu, body, (_, right) = chest()
    hu[right] = 30
    assert lungs(hu, body, SPACING) == {}


def test_vessels_inside_the_lung_belong_to_it():
    hu, body, (left, _) = chest()
    hu[20:22, 20:30, 25:27] = 50
    assert lungs(hu, body, SPACING)["lung_left"][21, 25, 26]
    assert left[21, 25, 26]
