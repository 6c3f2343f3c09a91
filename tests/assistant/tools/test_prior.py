"""Two studies of one patient with known lesions: what grew, what is new, what is gone, and the response."""

from pathlib import Path

import numpy as np
import pytest

from assistant.session import Session
from assistant.study import Study
from encoders.segmenters.base import Mask, Quality
from eval.phantoms import Block, Ellipsoid, Union, grid, paint, rasterise

ORGANS = {
    "liver": (Ellipsoid((25, 2, 4), (42, 40, 44)), 110.0),
    "pancreas": (Block((-24, 30, -22), (70, 14, 16)), 90.0),
    "kidney_left": (Ellipsoid((-45, -20, -10), (16, 14, 40)), 150.0),
}
SHAPE, SLICE = (140, 90, 28), 4.0


class PerScan:
    """Knows the solids of each scan; told apart by the pixels, which are as different as the scans."""

    name = "phantom"

    def __init__(self, level="validated"):
        self.scans = {}
        self.level = level

    def supported(self):
        return frozenset({*ORGANS, "liver_tumor", "pancreas_tumor", "kidney_cyst"})

    def quality(self, structure):
        return Quality(self.level, 0.9, 4)

    def segment(self, volume, structures, progress=None):
        solids = self.scans[id(volume)]
        masks = {}
        for structure in structures:
            solid = solids.get(structure)
            full = rasterise(solid, volume.geometry) if solid else np.zeros(volume.shape, bool)
            masks[structure] = Mask.from_full(structure, full, 0.9)
        return masks


def moved(solid, by):
    if isinstance(solid, Union):
        return Union(tuple(moved(s, by) for s in solid.solids))
    return type(solid)(**{**vars(solid), "centre": tuple(np.add(solid.centre, by))})


def scan(segmenter, name, lesions, pixel=1.0, by=(0.0, 0.0, 0.0), without=(), shape=SHAPE, hu=0.0):
    """A scan of the organs and these lesions, the patient moved by some mm. pixel: in-plane side in mm."""
    geometry = grid(shape, (pixel, pixel, SLICE), centre=tuple(np.round(by)))
    organs = {s: moved(solid, by) for s, (solid, _) in ORGANS.items() if s not in without}
    found = {s: moved(solid, by) for s, solid in lesions.items()}
    painted = [(organs[s], ORGANS[s][1] + hu) for s in organs] + [(solid, 60.0) for solid in found.values()]
    study = Study(paint(geometry, painted), Path(name), name)
    segmenter.scans[id(study.volume)] = organs | found
    return study


def box(centre, wide, deep, pixel=1.0):
    """A cuboid of `wide` + 1 by `deep` pixels in the axial plane. Its longest diameter runs between the middles of
    two voxel faces: the diagonal of `wide` by `deep`.
    """
    corner = [np.floor(c / pixel) * pixel for c in centre[:2]]
    middle = (corner[0] + (wide + 1) * pixel / 2, corner[1] + deep * pixel / 2, centre[2])
    return Block(middle, ((wide + 0.5) * pixel, (deep - 0.5) * pixel, 11.0))


def compare(before, after, request="compare the liver tumors with the prior", **options):
    segmenter = PerScan(options.pop("level", "validated"))
    pixel = options.pop("pixel", 1.0)
    now = scan(segmenter, "now", after, pixel, options.pop("by", (0.0, 0.0, 0.0)), **options)
    session = Session(now, segmenter)
    session.set_prior(scan(segmenter, "prior", before, pixel))
    answer = session.ask(request)
    (result,) = answer.results
    return answer, result


A, B = (25, 5, 20), (40, -22, -14)


@pytest.mark.parametrize(
    ("pixel", "before", "after", "sums", "response"),
    [
        (1.0, (30, 40), (21, 28), (50.0, 35.0), "PR"),  # exactly -30 %
        (1.0, (30, 40), (22, 28), (50.0, 35.6), "SD"),
        (0.98, (15, 20), (18, 24), (24.5, 29.4), "SD"),  # exactly +20 %, 4.9 mm
        (1.0, (15, 20), (18, 24), (25.0, 30.0), "PD"),  # exactly +20 %, 5.0 mm
        (1.0, (15, 20), (15, 20), (25.0, 25.0), "SD"),
    ],
)
def test_response_of_known_diameters(pixel, before, after, sums, response):
    answer, result = compare(
        {"liver_tumor": box(A, *before, pixel)}, {"liver_tumor": box(A, *after, pixel)}, pixel=pixel
    )
    found = result["response"]
    assert (found["before_mm"], found["after_mm"]) == pytest.approx(sums, abs=0.06)
    assert found["response"] == response
    assert f"({response})" in answer.text
    assert "nadir) is not known" in answer.text


def test_all_gone_is_a_complete_response():
    answer, result = compare({"liver_tumor": box(A, 15, 20)}, {})
    assert result["response"]["response"] == "CR"
    assert [e["status"] for e in result["lesions"]] == ["gone"]
    assert "not found any more, 25.0 mm before" in answer.text


def test_a_new_lesion_is_progression():
    answer, result = compare(
        {"liver_tumor": box(A, 15, 20)}, {"liver_tumor": Union((box(A, 9, 12), box(B, 9, 12)))}
    )
    assert sorted(e["status"] for e in result["lesions"]) == ["new", "paired"]
    assert result["response"]["response"] == "PD"
    assert "new, 15.0 mm" in answer.text


def test_only_what_is_new_or_gone_is_told():
    two = Union((box(A, 15, 20), box(B, 9, 12)))
    answer, result = compare(
        {"liver_tumor": box(A, 15, 20)}, {"liver_tumor": two}, "any new liver tumors since the prior?"
    )
    assert [e["status"] for e in result["lesions"]] == ["new"]
    assert "new, 15.0 mm" in answer.text
    assert "25.0" not in answer.text
    assert result["response"] is None
    told = [(f.structure, f.value("longest_diameter")) for f in answer.findings]
    assert told == [("liver_tumor", pytest.approx(15.0, abs=0.1))]
    assert len(result["findings"]) == 1
    answer, result = compare({"liver_tumor": two}, {"liver_tumor": two}, "any new liver tumors?")
    assert answer.text.startswith("No new liver tumors since the prior.")
    assert answer.findings == ()
    answer, result = compare(
        {"liver_tumor": two}, {"liver_tumor": box(A, 15, 20)}, "which liver tumors have disappeared?"
    )
    assert [e["status"] for e in result["lesions"]] == ["gone"]


def test_a_small_new_lesion_is_to_be_checked():
    answer, result = compare(
        {"liver_tumor": box(A, 15, 20)}, {"liver_tumor": Union((box(A, 15, 20), box(B, 3, 4)))}
    )
    assert result["response"]["response"] == "PD"
    assert result["response"]["sure"] is False
    assert "check that it is real" in answer.text


def test_pairs_survive_another_position_on_the_table():
    lesions = Union((box(A, 15, 20), box(B, 12, 16)))
    grown = Union((box(A, 18, 24), box(B, 12, 16)))
    _, result = compare({"liver_tumor": lesions}, {"liver_tumor": grown}, by=(11.0, -7.0, 240.0))
    assert {(round(e["before_mm"]), round(e["after_mm"])) for e in result["lesions"]} == {(25, 30), (20, 20)}
    assert all(e["sure"] and e["distance_mm"] < 5 for e in result["lesions"])
    (change,) = next(e for e in result["lesions"] if round(e["after_mm"]) == 30)["changes"]
    assert (change["difference"], change["percent"]) == pytest.approx((5.0, 20.0), abs=0.05)


def test_lesions_of_this_scan_are_findings_and_those_of_the_prior_are_not():
    answer, result = compare(
        {"liver_tumor": Union((box(A, 15, 20), box(B, 9, 12)))}, {"liver_tumor": box(A, 15, 20)}
    )
    assert [f.value("longest_diameter") for f in answer.findings] == [pytest.approx(25.0)]
    assert len(result["prior"]["findings"]) == 2


def test_an_experimental_model_makes_the_response_unsure():
    answer, result = compare(
        {"liver_tumor": box(A, 15, 20)}, {"liver_tumor": box(A, 15, 20)}, level="experimental"
    )
    assert result["response"]["sure"] is False
    assert "unsure" in answer.text


def test_a_lesion_is_not_gone_where_the_organ_is_not_shown():
    answer, result = compare({"liver_tumor": box(A, 15, 20)}, {}, without=("liver",))
    assert result["response"]["response"] == "NE"
    assert "not fully in this scan" in answer.text


def test_the_response_needs_all_lesions():
    lesions = {"liver_tumor": box(A, 15, 20)}
    _, result = compare(lesions, lesions, "compare the largest liver tumor with the prior")
    assert result["response"] is None


def test_cysts_have_no_response():
    cyst = {"kidney_cyst": Ellipsoid((-45, -20, -30), (7, 7, 7))}
    _, result = compare(cyst, cyst, "compare the kidney cysts with the prior")
    assert [e["status"] for e in result["lesions"]] == ["paired"]
    assert result["response"] is None


def test_no_lesion_in_either_scan_is_said_once():
    answer, result = compare({}, {})
    assert "No liver tumors found in either scan" in answer.text
    assert answer.text.count("liver tumor") == 1
    assert result["response"] is None


def test_organs_change_in_ml_and_percent():
    segmenter = PerScan()
    now, then = (scan(segmenter, name, {}) for name in ("now", "prior"))
    segmenter.scans[id(now.volume)] |= {"pancreas": Block((-24, 30, -22), (77, 14, 16))}
    session = Session(now, segmenter)
    session.set_prior(then)
    answer = session.ask("how did the volume of the pancreas change since the prior?")
    (change,) = answer.results[0]["changes"]
    assert change["kind"] == "volume"
    assert change["difference"] == pytest.approx(change["after"] - change["before"], abs=1e-3)
    assert change["percent"] == pytest.approx(10, abs=2)
    assert f"({change['percent']:+.0f} %)" in answer.text


def test_densities_of_an_organ_change_in_hu():
    answer, result = compare({}, {}, "compare the density of the liver with the prior", hu=15.0)
    (change,) = result["changes"]
    assert change["difference"] == pytest.approx(15, abs=0.5)
    assert change["percent"] is None
    assert "+15 HU" in answer.text


def test_a_cut_off_organ_has_no_change():
    answer, result = compare({}, {}, "compare the liver volume with the prior", shape=(140, 90, 14))
    (change,) = result["changes"]
    assert change["difference"] is None
    assert "cut off in this scan" in answer.text


def test_an_organ_that_one_scan_lacks_is_said():
    answer, _ = compare(
        {}, {}, "compare the volume of the left kidney with the prior", without=("kidney_left",)
    )
    assert "not compared, it was not found in this scan" in answer.text


def test_everything_is_compared_when_nothing_is_named():
    lesions = {"liver_tumor": box(A, 15, 20)}
    answer, result = compare(lesions, lesions, "compare with the prior")
    assert {c["structure"] for c in result["changes"]} == set(ORGANS)
    assert result["response"]["response"] == "SD"
    assert any("the same scan" in w for w in answer.warnings)


def test_another_scan_is_not_called_the_same():
    answer, _ = compare({}, {"liver_tumor": box(A, 15, 20)})
    assert not any("the same scan" in w for w in answer.warnings)


def test_a_prior_can_be_set_and_taken_away(tmp_path):
    segmenter = PerScan()
    session = Session(scan(segmenter, "now", {}), segmenter)
    assert "no prior study" in session.ask("compare with the prior").text
    session.set_prior(scan(segmenter, "prior", {}))
    assert isinstance(session.prior, Session)
    assert "unchanged" in session.ask("compare the liver with the prior").text
    session.set_prior(None)
    assert "no prior study" in session.ask("compare with the prior").text
