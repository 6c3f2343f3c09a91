import asyncio
import json
import threading

import numpy as np
import pytest

from assistant.events import Answered, TextToken, ToolFinished, ToolProgress, ToolStarted, Understood
from assistant.session import Assistant, Session
from encoders.errors import BodyMapsError, Cancelled


def test_opening_computes_nothing(session, segmenter):
    assert segmenter.asked == []
    assert session.history == ()


def test_volume_of_an_organ(session):
    answer = session.ask("How big is the liver?")
    assert answer.status == "act"
    assert answer.findings[0].structure == "liver"
    assert answer.findings[0].value("volume") == pytest.approx(301.6, rel=0.02)
    assert "302 ml" in answer.text
    json.dumps(answer.to_dict())


def test_a_follow_up_reuses_masks(session, segmenter):
    assert not session.ask("segment the liver").calls[0].cached
    again = session.ask("how dense is it?")
    assert again.calls[0].cached
    assert segmenter.asked.count("liver") == 1


def test_segment_and_measure_in_one_turn_make_one_finding(session):
    answer = session.ask("segment the pancreatic tail tumor and measure it")
    (finding,) = answer.findings
    assert finding.structure == "pancreas_tumor"
    assert finding.value("longest_diameter") == pytest.approx(18, abs=2)
    assert "tail of the pancreas" in answer.text


def test_the_honest_answer_when_the_model_cannot_look_for_tumors(study, organs_only):
    answer = Session(study, organs_only).ask("segment the pancreatic tail tumor and measure it")
    assert answer.status == "clarify"
    assert "cannot look for pancreas tumors" in answer.text
    assert "does not mean that there is none" in answer.text
    assert all(f.structure != "pancreas_tumor" for f in answer.findings)
    assert "tail of the pancreas" in answer.text


def test_no_tumor_is_said_and_has_no_number(make_study, make_segmenter):
    session = Session(make_study(tumor=False), make_segmenter(absent=["pancreas_tumor"]))
    answer = session.ask("segment the tumor in the tail of the pancreas and measure it")
    (finding,) = answer.findings
    assert not finding.present
    assert finding.box is None
    assert finding.measurements == ()
    assert not finding.mask.any()
    assert "No pancreas tumor was found" in answer.text


def test_cut_off_structures_are_flagged(session):
    answer = session.ask("what is the volume of the aorta?")
    assert any("cut off" in w for w in answer.warnings)
    assert "at least" in answer.text
    assert "bottom and top" in answer.text


def test_undo_goes_back_one_turn(session):
    session.ask("segment the liver")
    session.ask("segment the spleen")
    answer = session.ask("undo")
    assert answer.status == "act"
    assert [a.request for a in session.history] == ["segment the liver"]
    assert session.ask("measure it").findings[0].structure == "liver"


def test_redo_makes_the_step_again(session):
    session.ask("segment the liver")
    session.ask("segment the spleen")
    session.ask("undo")
    answer = session.ask("redo")
    assert (answer.status, [c.tool for c in answer.calls]) == ("act", ["redo"])
    assert [a.request for a in session.history] == ["segment the liver", "segment the spleen"]
    assert session.ask("measure it").findings[0].structure == "spleen"
    assert "nothing to redo" in session.ask("redo").text


def test_undo_with_nothing_to_undo(session):
    answer = session.ask("undo")
    assert "nothing to undo" in answer.text.lower()
    assert session.history == ()


def test_correction_is_undone_too(study, make_segmenter, segmenter):
    session = Session(study, make_segmenter())
    before = session.ask("what is the volume of the liver?").findings[0].value("volume")
    session.workspace.find(["gallbladder"])
    from assistant.tools import tools
    from assistant.tools.base import Turn

    turn = Turn(session.workspace)
    result = tools()["correct"].call(turn, {"targets": ["liver"], "exclude": ["gallbladder"]})
    assert "taken out" in result["lines"][0]
    assert session.ask("what is the volume of the liver?").findings[0].value("volume") < before
    session.workspace.restore({})
    assert session.ask("what is the volume of the liver?").findings[0].value("volume") == before


@pytest.fixture
def inside(study, make_segmenter):
    """A voxel deep in the liver, and a point of it in mm."""
    box = Session(study, make_segmenter()).ask("segment the liver").findings[0].box.voxel
    voxel = [(a + b) // 2 for a, b in zip(*box, strict=True)]
    return voxel, study.volume.geometry.to_world(voxel)


def test_correction_by_hand_is_a_step_with_undo_and_redo(session, segmenter, inside):
    before = session.ask("what is the volume of the liver?").findings[0].value("volume")
    answer = session.correct("liver", exclude=[inside[1]], radius_mm=10, brush=True)
    assert answer.status == "act"
    assert "Liver: mended by a brush of 10 mm" in answer.text
    assert [call.tool for call in answer.calls] == ["correct"]
    json.dumps(answer.to_dict())
    mended = answer.findings[0].value("volume")
    assert mended < before - 3  # a ball of 10 mm has 4.2 ml
    later = session.ask("how big is it?").findings[0]
    assert later.structure == "liver"
    assert later.value("volume") == mended
    assert not later.mask[tuple(inside[0])]
    session.undo(2)
    assert len(session.history) == 1
    assert session.can_redo
    assert session.ask("what is the volume of the liver?").findings[0].value("volume") == before
    assert not session.can_redo  # something else was asked
    assert segmenter.asked.count("liver") == 1


def test_redo_makes_a_correction_again(session, inside):
    mended = session.correct("liver", exclude=[inside[1]], radius_mm=10, brush=True).findings[0]
    session.undo()
    assert session.history == ()
    session.redo()
    (answer,) = session.history
    assert answer.findings[0] is mended
    assert session.ask("what is the volume of the liver?").findings[0].value("volume") == mended.value(
        "volume"
    )
    session.redo()
    assert len(session.history) == 2


def test_a_correction_that_cannot_be_made_changes_nothing(session):
    with pytest.raises(BodyMapsError, match="outside the scan"):
        session.correct("liver", include=[(9e3, 0, 0)])
    with pytest.raises(BodyMapsError, match="no structure"):
        session.correct("livre", include=[(0, 0, 0)])
    with pytest.raises(BodyMapsError, match="three numbers"):
        session.correct("liver", include=["a"])
    assert session.history == ()
    assert session.workspace.mended() == {}


def test_regions_are_derived_anew_from_a_mended_organ(study, organs_only):
    session = Session(study, organs_only)
    tail = session.ask("segment the tail of the pancreas").findings[0]
    corner = [(a + b) / 2 for a, b in zip(*tail.box.world_mm, strict=True)]
    session.correct("pancreas", exclude=[corner], radius_mm=12, brush=True)
    again = session.ask("segment the tail of the pancreas").findings[0]
    assert not np.array_equal(again.mask, tail.mask)
    session.undo(2)
    assert np.array_equal(session.ask("segment the tail of the pancreas").findings[0].mask, tail.mask)


def test_events_come_in_order(session):
    events = []
    answer = session.ask("how big is the liver?", events.append)
    kinds = [type(e) for e in events if not isinstance(e, ToolProgress)]
    assert kinds[:3] == [Understood, ToolStarted, ToolFinished]
    assert kinds[-1] is Answered
    assert "".join(e.text for e in events if isinstance(e, TextToken)) == answer.text
    assert any(isinstance(e, ToolProgress) for e in events)


def test_stream_yields_the_same_events(session):
    async def collect():
        return [event async for event in session.stream("how big is the liver?")]

    events = asyncio.run(collect())
    assert isinstance(events[-1], Answered)
    assert events[-1].answer is session.history[-1]


def test_closing_the_stream_cancels(study, make_segmenter):
    segmenter = make_segmenter()
    session = Session(study, segmenter)
    started = threading.Event()
    original = segmenter.segment

    def slow(volume, structures, progress=None):
        for step in range(200):
            started.set()
            threading.Event().wait(0.01)
            progress(step / 200, "slow")
        return original(volume, structures, progress)

    segmenter.segment = slow

    async def leave_early():
        stream = session.stream("segment the liver")
        async for event in stream:
            if isinstance(event, ToolProgress):
                break
        await stream.aclose()

    asyncio.run(leave_early())
    assert started.is_set()
    assert segmenter.asked == []
    assert session.history == ()


def test_cancel_from_another_thread_leaves_the_conversation_as_it_was(study, make_segmenter):
    segmenter = make_segmenter()
    session = Session(study, segmenter)
    session.ask("segment the spleen")

    def cancel_first(volume, structures, progress=None):
        session.cancel()
        progress(0.5, "half")

    original, segmenter.segment = segmenter.segment, cancel_first
    with pytest.raises(Cancelled):
        session.ask("segment the liver")
    segmenter.segment = original
    assert len(session.history) == 1
    assert session.ask("segment the liver").findings[0].present


def test_sessions_do_not_share_anything(make_study, segmenter):
    first, second = Session(make_study(), segmenter), Session(make_study(), segmenter)
    first.ask("segment the liver")
    assert second.history == ()
    assert second.ask("measure it").status == "clarify"


@pytest.mark.parametrize("request_text", ["hello", "thanks!", "what can you do?"])
def test_small_talk_computes_nothing(session, segmenter, request_text):
    answer = session.ask(request_text)
    assert answer.status == "chat"
    assert answer.calls == ()
    assert segmenter.asked == []


def test_treatment_is_refused(session):
    assert session.ask("Should I operate on this tumor?").status == "refuse"


def test_what_can_be_looked_for_is_what_the_segmenter_draws(study, segmenter, organs_only):
    request = "find lesions in the bladder"
    assert "I can look for lesions in pancreas." in Session(study, segmenter).ask(request).text
    assert "cannot look for lesions" in Session(study, organs_only).ask(request).text


@pytest.mark.parametrize("request_", [None, 7, b"How big is the liver?", ["liver"]])
def test_what_is_no_text_is_refused_in_a_line(session, request_):
    with pytest.raises(BodyMapsError, match=f"ask in words.*{type(request_).__name__}"):
        session.ask(request_)
    assert session.history == ()


def test_a_language_model_that_cannot_be_used_is_refused_when_a_study_is_opened(study, segmenter):
    assistant = Assistant(llm="bogus:thing", segmenter=segmenter)
    with pytest.raises(BodyMapsError, match="bogus:thing"):
        assistant.open(study)


def test_what_cannot_be_looked_for_is_said_first(study, organs_only):
    text = Session(study, organs_only).ask("segment the pancreatic tail tumor and measure it").text
    assert text.index("cannot look for") < text.index("For orientation, tail of the pancreas")


def test_a_mistake_in_a_correction_is_said_in_plain_words(session):
    with pytest.raises(BodyMapsError) as caught:
        session.correct("flurble", include=[(0, 0, 0)])
    assert "flurble" in str(caught.value)
    assert "Value error" not in str(caught.value)
