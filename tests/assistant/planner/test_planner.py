"""Facts about single plans that the suites do not look at: extra arguments, texts, scope, imports."""

import subprocess
import sys

import pytest

from assistant.planner import Dialogue, plan
from assistant.planner.lexicon import lexicon
from assistant.planner.planner import Planner
from prompts.ontology import ontology


def test_every_query_has_the_six_arguments_in_order() -> None:
    (call,) = plan("segment the liver").calls
    assert list(call.args) == ["targets", "measures", "within", "select", "min_mm", "max_mm"]
    assert list(call.args.values()) == [["liver"], [], None, "all", None, None]


def test_rank_and_unit_are_added() -> None:
    (call,) = plan("second largest liver lesion size in cm").calls
    assert call.args["rank"] == 2
    assert call.args["unit"] == "cm"


@pytest.mark.parametrize("text", ["Wie groß ist die Leber?", "wie gross ist die Leber", "Größe der Leber"])
def test_a_german_size_is_no_growth(text: str) -> None:
    """ "groß" was taken for a slip of "grow", so the liver was compared with a prior."""
    (call,) = plan(text).calls
    assert (call.tool, call.args["targets"], call.args["measures"]) == ("measure", ["liver"], ["volume"])


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("show slice 120 in the lung window", {"slice": 120, "window": "lung"}),
        ("coronal view of the liver", {"plane": "coronal"}),
        ("set the window to bone and show T12", {"targets": ["vertebrae_T12"], "window": "bone"}),
        (
            "show the liver in the sagittal plane and set a bone window",
            {"plane": "sagittal", "window": "bone"},
        ),
        ("export the masks as dicom seg", {"format": "dicom-seg"}),
        ("compare the liver tumour with the prior", {"study": "prior"}),
    ],
)
def test_arguments_of_the_other_tools(text: str, args: dict[str, object]) -> None:
    (call,) = plan(text).calls
    assert {key: call.args.get(key) for key in args} == args


def test_the_line_of_what_was_understood() -> None:
    made = plan("Please segment the tumor in the tail of the pancreas and then measure its size.")
    assert made.understood == "tail of the pancreas, tumor, longest diameter"


def test_what_cannot_be_segmented_is_named_with_the_nearest() -> None:
    made = plan("segment the appendix")
    assert made.status == "clarify"
    assert "appendix" in made.text
    assert "colon" in made.text


def test_one_of_two_that_can_be_done_is_done_and_the_other_named() -> None:
    made = plan("segment the liver and the appendix")
    assert [call.targets for call in made.calls] == [("liver",)]
    assert "appendix" in made.text


def test_two_views_of_one_plane_stay_two() -> None:
    made = plan("show axial slice 20 and then show axial slice 30")
    assert [call.args["slice"] for call in made.calls] == [20, 30]


def test_an_organ_without_known_lesions_is_named_where_lesions_are_sought() -> None:
    made = plan("any tumors in the liver or the spleen?")
    assert [call.targets for call in made.calls] == [("liver_tumor",)]
    assert "spleen" in made.text


def test_what_follows_starting_over_is_read_anew() -> None:
    dialogue = Dialogue()
    plan("any liver tumors?", dialogue)
    made = plan("start over with the spleen", dialogue)
    assert [call.tool for call in made.calls] == ["undo", "segment"]


def test_one_mask_to_reset_takes_nothing_else_back() -> None:
    assert not plan("reset the spleen").calls
    assert [call.tool for call in plan("segment the liver from scratch").calls] == ["segment"]


def test_what_follows_a_view_keeps_its_settings() -> None:
    dialogue = Dialogue()
    plan("show me T7 in a sagittal bone window", dialogue)
    (call,) = plan("next level down please", dialogue).calls
    assert call.args == {"targets": ["vertebrae_T8"], "plane": "sagittal", "window": "bone"}


def test_a_unit_said_late_is_no_second_measurement() -> None:
    (call,) = plan("is the aorta aneurysmal? max diameter in cm").calls
    assert call.args["unit"] == "cm"


def test_what_was_asked_of_the_prior_study_is_asked_of_it_again() -> None:
    dialogue = Dialogue()
    plan("has the pancreatic mass grown since the last scan?", dialogue)
    (call,) = plan("and in volume?", dialogue).calls
    assert (call.tool, call.args["study"], call.args["measures"]) == ("compare", "prior", ["volume"])


def test_a_segmenter_that_can_do_more_widens_the_scope() -> None:
    words = lexicon(frozenset({"appendix"}))
    assert "appendix" in words.scope
    assert "appendix" not in lexicon().scope
    from assistant.planner import Dialogue

    assert Planner(words, Dialogue()).plan("segment the appendix").calls[0].targets == ("appendix",)


@pytest.mark.parametrize("text", ["", "   ", "?!", "\n", "🙂"])
def test_nothing_said_is_asked_about(text: str) -> None:
    made = plan(text)
    assert made.status == "clarify"
    assert made.text


def test_every_structure_is_found_by_its_own_names() -> None:
    """Each id in scope is understood by its id and its name."""
    wrong = []
    words = lexicon()
    for id in words.scope:
        structure = words.ontology[id]
        for name in (id, structure.name):
            calls = plan(f"segment {name}").calls
            got = {leaf for call in calls for leaf in words.leaves(call.targets)}
            wanted = {leaf for leaf in words.ontology.leaves(id) if leaf in words.scope}
            sided_cyst = id.startswith("kidney_cyst_")
            if got != wanted and not sided_cyst and structure.kind != "group":
                wrong.append((name, sorted(got), sorted(wanted)))
    assert not wrong


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from assistant.planner import plan; plan('segment the left kidney'); "
        "heavy = {'torch', 'monai', 'langchain', 'gradio', 'transformers', 'pint'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("mid pole of the left kidney", ["kidney_mid_pole_left"]),
        ("segment the interpolar region of the right kidney", ["kidney_mid_pole_right"]),
        ("how big is the lower pole of the right kidney", ["kidney_lower_pole_right"]),
    ],
)
def test_kidney_poles(text, targets):
    (call,) = plan(text).calls
    assert call.args["targets"] == targets


@pytest.mark.parametrize(
    ("turns", "targets"),
    [
        (["how big is the liver?", "RECIST response?"], []),
        (["RECIST response of the liver?"], ["liver_tumor"]),
        (["measure the liver tumours", "how is the response to treatment?"], ["liver_tumor"]),
    ],
)
def test_lesions_respond_and_organs_do_not(turns, targets):
    dialogue = Dialogue()
    for text in turns:
        found = plan(text, dialogue)
        dialogue.remember(found)
    (call,) = found.calls
    assert (call.tool, call.args["study"], call.args["targets"]) == ("compare", "prior", targets)


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("segment the tail tumor of the pancreas", "pancreas_tail"),
        ("the head mass in the pancreas", "pancreas_head"),
        ("upper pole cyst of the left kidney", "kidney_upper_pole_left"),
        ("right lobe lesion of the liver", "liver_lobe_right"),
        ("lower lobe nodule of the right lung", "lung_lower_lobe_right"),
        ("tail lesion", "pancreas_tail"),
    ],
)
def test_a_region_before_the_lesion_holds(text, within):
    (call,) = plan(text).calls
    assert call.args["within"] == within


def test_two_bounds_and_a_number_of_the_largest():
    (call,) = plan("tumors in the liver larger than 3 cm and smaller than 5 cm?").calls
    assert (call.args["min_mm"], call.args["max_mm"]) == (30.0, 50.0)
    (call,) = plan("find the three largest lung nodules").calls
    assert (call.args["select"], call.args["top"]) == ("largest", 3)


def test_the_chest_is_only_where_lesions_are():
    assert plan("any tumor in the chest?").calls[0].targets == ("lung_tumor",)
    assert plan("CT chest: liver volume").calls[0].targets == ("liver",)


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("is the contrast phase arterial?", "arterial"),
        ("is the phase arterial?", "arterial"),
        ("is this arterial phase?", "arterial"),
        ("is the scan in the portal venous phase?", "portal-venous"),
        ("is the contrast phase portal venous?", "portal-venous"),
        ("is the contrast phase late?", "late"),
        ("arterial or venous phase?", None),
        ("what contrast phase is this?", None),
    ],
)
def test_the_name_of_a_phase_is_no_vessel(text: str, phase: str | None) -> None:
    (call,) = plan(text).calls
    assert (call.tool, call.args["targets"], call.args.get("phase")) == ("describe", [], phase)


def test_a_vessel_can_still_be_described() -> None:
    (call,) = plan("describe the portal vein").calls
    assert call.args == {"targets": ["portal_vein_and_splenic_vein"]}


def test_lesions_are_offered_where_the_model_draws_them() -> None:
    request = "find lesions in the bladder"
    assert "lesions in liver, colon." in plan(request, None, {"liver_tumor", "colon_tumor"}.__contains__).text
    assert "cannot look for lesions" in plan(request, None, {"liver"}.__contains__).text
    assert "pancreas" in plan(request).text


@pytest.mark.parametrize("known", [{"liver"}, {"liver", "liver_tumor"}])
def test_only_what_the_model_can_find_is_offered_instead(known: set[str]) -> None:
    made = plan("Are there liver cysts?", None, known.__contains__)
    assert made.status == "clarify"
    assert ("shall I?" in made.text) == ("liver_tumor" in known)
    assert set(made.suggestion) <= known


def test_a_group_is_offered_when_some_of_it_can_be_found() -> None:
    offered = plan("Segment the appendix.").suggestion
    leaf = ontology().leaves(offered[0])[0]
    assert plan("Segment the appendix.", None, {leaf}.__contains__).suggestion == offered
    assert plan("Segment the appendix.", None, {"liver"}.__contains__).text == "I cannot segment appendix."


@pytest.mark.parametrize("known", [set(), {"liver_tumor"}, {"pancreas_tumor"}])
def test_lesions_are_promised_only_by_a_model_that_draws_some(known: set[str]) -> None:
    planner = Planner(lexicon(), Dialogue(), can_find=lambda id: id in known or id == "liver")
    for text in ("what can you do?", "hello", "what chemotherapy would you recommend?"):
        said = planner.plan(text).text
        assert ("lesions" in said) == bool(known)
        examples = text.startswith("what can")
        assert ("cancer" in said) == ("pancreas_tumor" in known and examples)
        assert ("liver lesions" in said) == ("liver_tumor" in known and examples)


def test_a_lesion_beyond_the_contract_is_planned_for_where_the_model_draws_it() -> None:
    able = {"liver", "liver_tumor", "liver_cyst"}.__contains__
    for request in ("any liver cysts?", "is there a cyst in the liver?", "hepatic cysts"):
        assert [call.args["targets"] for call in plan(request, None, able).calls] == [["liver_cyst"]]
    (call,) = plan("any liver lesions?", None, able).calls
    assert call.args["targets"] == ["liver_tumor", "liver_cyst"]
    assert plan("any liver cysts?").status == "clarify"
    assert plan("liver abscess", None, able).status == "clarify"


def test_an_unknown_word_is_repeated() -> None:
    assert 'do not know "flurble"' in plan("segment the flurble").text
    assert "do not know" not in plan("segment it").text


@pytest.mark.parametrize(
    ("text", "doubt"), [("is there a pulmonary embolism?", True), ("segment the uterus", False)]
)
def test_a_finding_that_cannot_be_looked_for_is_not_ruled_out(text: str, doubt: bool) -> None:
    assert ("does not mean that there is none" in plan(text).text) == doubt
