import pytest

from assistant.workspace import Workspace
from encoders.errors import Cancelled


def test_masks_are_computed_once(study, segmenter):
    work = Workspace(study, segmenter)
    first = work.find(["liver", "spleen"])
    again = work.find(["spleen", "liver"])
    assert segmenter.asked == ["liver", "spleen"]
    assert again["liver"] is first["liver"]


def test_group_becomes_what_the_segmenter_knows_of_it(study, make_segmenter, segmenter):
    reach = Workspace(study, segmenter).reachable(["kidneys"])
    assert set(reach.ids) == {"kidney_left", "kidney_right"}
    whole = make_segmenter({"vertebrae": segmenter.solids["aorta"]})
    assert Workspace(study, whole).reachable(["vertebrae"]).ids == ("vertebrae",)


def test_all_members_of_a_group_that_is_only_known_as_a_whole_become_the_group(
    study, make_segmenter, segmenter
):
    work = Workspace(study, make_segmenter({"lung_left": segmenter.solids["spleen"]}))
    reach = work.reachable(["lung_upper_lobe_left", "lung_lower_lobe_left"])
    assert reach.ids == ("lung_left",)
    assert reach.unsupported == ()


def test_partial_and_missing_support_is_told(study, segmenter):
    reach = Workspace(study, segmenter).reachable(["adrenal_glands", "heart"])
    assert set(reach.unsupported) == {"adrenal_glands", "heart"}
    del segmenter.solids["kidney_left"]
    reach = Workspace(study, segmenter).reachable(["kidneys"])
    assert reach.ids == ("kidney_right",)
    assert reach.partial == {"kidneys": ("kidney_left",)}


def test_region_is_derived_from_its_organ_once(study, organs_only):
    work = Workspace(study, organs_only)
    tail = work.find(["pancreas_tail"])["pancreas_tail"]
    assert tail.method
    assert tail.quality.level == "experimental"
    asked = list(organs_only.asked)
    work.find(["pancreas_head"])
    assert organs_only.asked == asked


def test_nearest_names_the_organ_of_a_lesion(study, organs_only):
    assert Workspace(study, organs_only).nearest("pancreas_tumor") == ("pancreas",)


def test_cancel_stops_the_segmenter(study, segmenter):
    work = Workspace(study, segmenter)
    work.cancelled.set()
    with pytest.raises(Cancelled):
        work.find(["liver"])
    work.cancelled.clear()
    assert work.find(["liver"])["liver"].mask.present
