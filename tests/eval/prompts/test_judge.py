"""Right answers are right in every stage; each way to be wrong is seen in its own stage."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from eval.prompts.answers import Stand, converse
from eval.prompts.cases import Case, Suite, Turn
from eval.prompts.judge import judge
from eval.prompts.known import known


def call(tool, *targets, **args):
    return {"tool": tool, "args": {"targets": list(targets), **args}}


def turn(user, *calls, **options):
    return Turn(user, {"status": "act" if calls else "clarify", "calls": list(calls)}, **options)


TUMOUR = turn(
    "measure the pancreatic tumour", call("measure", "pancreas_tumor", measures=["longest_diameter"])
)
LIVER = turn("how big is the liver?", call("measure", "liver", measures=["volume"]))
KIDNEY = turn("volume of the left kidney", call("measure", "kidney_left", measures=["volume"]))
DISTANCE = turn(
    "distance from the left kidney to the aorta",
    call("measure", "kidney_left", "aorta", measures=["distance"]),
)
SUITE = Suite("made", {}, ())


@pytest.fixture(scope="module")
def stand():
    held = Stand()
    yield held
    held.close()


@pytest.fixture(scope="module")
def answered(stand):
    """answered(scan, turn): the agent's own answer, asked once."""
    kept = {}

    def ask(scan, one):
        if (scan, one.user) not in kept:
            (kept[scan, one.user],) = converse(stand, SUITE, Case("c", (one,), scan=scan))
        return kept[scan, one.user]

    return ask


def wrong(judged):
    return {stage for stage, right in judged.stages.items() if right is False} - {"all"}


def notes(judged):
    found = defaultdict(list)
    for name, value in judged.notes:
        found[name].append(value)
    return found


def with_finding(answer, **changes):
    first, *rest = answer.findings
    return replace(answer, findings=(replace(first, **changes), *rest))


def with_value(answer, value, unit="mm"):
    first = answer.findings[0]
    m = next(m for m in first.measurements if m.kind == "longest_diameter")
    return with_finding(answer, measurements=(replace(m, value=value, unit=unit),))


@pytest.mark.parametrize(
    ("scan", "one"),
    [("trunk", TUMOUR), ("clean", TUMOUR), ("trunk", LIVER), ("top_missing", LIVER), ("balls", DISTANCE)],
    ids=["tumour", "no tumour", "liver", "cut liver", "distance"],
)
def test_the_agent_with_perfect_masks_is_right(answered, scan, one):
    assert wrong(answered(scan, one).judged) == set()
    assert answered(scan, one).judged.stages["all"] is True


def test_the_truth_is_the_formula_and_not_the_measurement(answered):
    (detail,) = answered("trunk", TUMOUR).judged.details
    assert detail["values"][0]["true"] == 18.0  # twice the longest in-plane radius
    assert notes(answered("trunk", TUMOUR).judged)["RECIST: longest diameter, mm"] == [
        pytest.approx(abs(detail["values"][0]["got"] - 18), abs=1e-3)
    ]


def test_a_wrong_number_is_wrong_where_it_is_measured(answered):
    answer = with_value(answered("trunk", TUMOUR).answer, 24.0)
    assert wrong(judge(TUMOUR, answer, known("trunk"))) == {"measure"}


def test_a_wrong_unit_is_wrong_though_the_number_is_right(answered):
    judged = judge(TUMOUR, with_value(answered("trunk", TUMOUR).answer, 18.0, "cm"), known("trunk"))
    assert wrong(judged) == {"measure"}
    assert notes(judged)["measurement: wrong unit"] == [True]


def test_a_measure_that_was_not_given_is_wrong(answered):
    answer = with_finding(answered("trunk", TUMOUR).answer, measurements=())
    assert wrong(judge(TUMOUR, answer, known("trunk"))) == {"measure"}


def test_a_box_elsewhere_is_no_hit(answered):
    answer = answered("trunk", TUMOUR).answer
    box = answer.findings[0].box
    (i, j, k), stop = box.voxel
    moved = replace(box, voxel=((i + 9, j, k), (stop[0] + 9, *stop[1:])))
    judged = judge(TUMOUR, with_finding(answer, box=moved), known("trunk"))
    assert "mask" in wrong(judged)
    assert notes(judged)["box: hit at IoU 0.5"] == [False]


def test_millimetres_in_another_convention_are_seen(answered):
    answer = answered("trunk", TUMOUR).answer
    box = answer.findings[0].box
    lps = tuple((-x, -y, z) for x, y, z in box.world_mm)
    judged = judge(TUMOUR, with_finding(answer, box=replace(box, world_mm=lps)), known("trunk"))
    assert wrong(judged) == {"mask"}
    assert notes(judged)["box: voxels and millimetres agree"] == [False]


def test_a_box_that_is_missing_counts_as_no_overlap(answered):
    judged = judge(TUMOUR, replace(answered("trunk", TUMOUR).answer, findings=()), known("trunk"))
    assert {"mask", "measure"} <= wrong(judged)
    assert notes(judged)["box: IoU"] == [0.0]


def test_what_is_not_there_must_not_be_found(answered):
    found = answered("trunk", TUMOUR).answer
    judged = judge(TUMOUR, found, known("clean"))
    assert {"mask", "measure", "text"} <= wrong(judged)
    assert notes(judged)["absence: false positive"] == [True]


def test_silence_about_what_is_absent_is_wrong(answered):
    answer = replace(answered("clean", TUMOUR).answer, text="Done.")
    judged = judge(TUMOUR, answer, known("clean"))
    assert wrong(judged) == {"text"}
    assert notes(judged)["absence: said in words"] == [False]


def test_an_invented_number_is_wrong_in_the_text(answered):
    answer = answered("trunk", TUMOUR).answer
    judged = judge(TUMOUR, replace(answer, text=f"{answer.text}\nIt grew by 7.5 mm."), known("trunk"))
    assert wrong(judged) == {"text"}
    assert judged.unfounded == ["7.5 mm"]


def test_a_number_said_in_the_wrong_unit_is_seen(answered):
    answer = answered("trunk", LIVER).answer
    text = answer.text.replace("1,056 ml", "1,056 l")
    judged = judge(LIVER, replace(answer, text=text), known("trunk"))
    assert wrong(judged) == {"text"}
    assert notes(judged)["text: right number, wrong unit"] == [True]


def test_the_other_side_is_seen(answered):
    """The right kidney, called the left one."""
    right = turn("volume of the right kidney", call("measure", "kidney_right", measures=["volume"]))
    answer = with_finding(answered("trunk", right).answer, structure="kidney_left")
    judged = judge(KIDNEY, answer, known("trunk"))
    assert notes(judged)["laterality: side swapped"] == [True]
    assert {"target", "mask", "measure"} <= wrong(judged)
    assert notes(answered("trunk", KIDNEY).judged)["laterality: side swapped"] == [False]


def test_what_is_cut_off_must_be_said(answered):
    whole, cut = answered("trunk", LIVER).answer, answered("top_missing", LIVER).answer
    assert notes(judge(LIVER, cut, known("top_missing")))["field of view: cut off is flagged"] == [True]
    silent = replace(cut, text="Liver: volume 800 ml.", warnings=())
    assert notes(judge(LIVER, silent, known("top_missing")))["field of view: cut off is flagged"] == [False]
    assert "text" in wrong(judge(LIVER, replace(whole, text=cut.text), known("trunk")))


def test_numbers_of_the_study_before_are_stale(answered):
    spleen = turn("volume of the spleen", call("measure", "spleen", measures=["volume"]))
    old = answered("trunk", spleen).answer
    judged = judge(spleen, old, known("big_spleen"), stale=known("trunk"))
    assert notes(judged)["turns: nothing of the study before"] == [False]
    fresh = answered("big_spleen", spleen).answer
    assert notes(judge(spleen, fresh, known("big_spleen"), stale=known("trunk")))[
        "turns: nothing of the study before"
    ] == [True]


def test_a_wrong_distance_is_wrong(answered):
    answer = answered("balls", DISTANCE).answer
    results = [dict(r) | {"distances": [d | {"value": 30.0} for d in r["distances"]]} for r in answer.results]
    judged = judge(DISTANCE, replace(answer, results=tuple(results)), known("balls"))
    assert "measure" in wrong(judged)


def test_a_small_lesion_must_be_called_not_measurable(answered):
    one = turn("measure the liver lesion", call("measure", "liver_tumor", measures=["longest_diameter"]))
    answer = answered("small_target", one).answer
    assert notes(answered("small_target", one).judged)["RECIST: measurable or not"] == [True]
    text = answer.text.replace("not measurable by RECIST 1.1", "a lesion")
    judged = judge(one, replace(answer, text=text), known("small_target"))
    assert notes(judged)["RECIST: measurable or not"] == [False]


def test_what_the_model_cannot_look_for_is_no_error_when_it_says_so(answered):
    answer = answered("trunk", TUMOUR).answer
    honest = replace(
        answer,
        status="clarify",
        findings=(),
        results=({"tool": "measure", "unsupported": [{"structure": "pancreas_tumor"}]},),
        text="The model cannot look for pancreas tumors.",
    )
    judged = judge(TUMOUR, honest, known("trunk"))
    assert wrong(judged) == set()
    assert notes(judged)["coverage: the model can look for it"] == [False]
    assert judge(TUMOUR, replace(honest, text="No tumor."), known("trunk")).stages["text"] is False


def test_a_second_lesion_that_was_not_meant_is_wrong(answered):
    every = turn("measure the liver lesions", call("measure", "liver_tumor", measures=["longest_diameter"]))
    largest = turn(
        "the largest", call("measure", "liver_tumor", measures=["longest_diameter"], select="largest")
    )
    judged = judge(largest, answered("lesions", every).answer, known("lesions"))
    assert {"target", "mask"} <= wrong(judged)
    assert notes(judged)["lesions: precision"].count(False) == 2


def test_the_true_box_is_as_large_as_the_solid():
    (item,) = known("trunk").items("pancreas_tumor")
    assert np.allclose(item.stop - item.start, (18 / 2.4, 14 / 2.4, 16 / 3))
