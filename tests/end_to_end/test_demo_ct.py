"""The embedded model on the real demo CT, against the dataset's own mesh of the left kidney."""

import numpy as np
import pytest

from assistant import Assistant
from assistant.demo import demo_references, demo_study
from encoders import inference
from eval.references import read_stl, voxelise

pytestmark = pytest.mark.demo

QUESTIONS = [
    "How big is the liver?",
    "and the left kidney?",
    "segment the pancreatic tail tumor and measure it",
]


@pytest.fixture(scope="module")
def read():
    """One entry for each time that the first pass reads the whole trunk."""
    return []


@pytest.fixture(scope="module")
def answers(read):
    original = inference.extract_features

    def counted(*args, **kwargs):
        read.append(args)
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "extract_features", counted)
        session = Assistant().open(demo_study())
        return session, [session.ask(question) for question in QUESTIONS]


def test_liver_volume(answers):
    liver = answers[1][0].findings[0]
    assert liver.present
    assert 1200 <= liver.value("volume") <= 2300


def test_left_kidney_agrees_with_the_mesh(answers):
    session, (_, kidney, _) = answers
    mask = kidney.findings[0].mask
    mesh = demo_references(["kidney_left"]) / "kidney_left.stl"
    reference = voxelise(read_stl(mesh), session.study.volume.shape)
    dice = 2 * np.count_nonzero(mask & reference) / (np.count_nonzero(mask) + np.count_nonzero(reference))
    assert dice >= 0.70


def test_the_trunk_is_read_once_for_all_questions(answers, read):
    assert len(answers[1]) == len(QUESTIONS)
    assert len(read) == 1


def test_the_tumor_question_is_answered_honestly(answers):
    session, (_, _, tumor) = answers
    found = [f for f in tumor.findings if f.structure == "pancreas_tumor"]
    if session.workspace.can_find("pancreas_tumor"):
        assert found
        assert all(f.present or f.measurements == () for f in found)
    else:
        assert found == []
        assert "cannot look for" in tumor.text
