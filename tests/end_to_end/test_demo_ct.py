"""The embedded model on the real demo CT, against the dataset's own mesh of the left kidney."""

import numpy as np
import pytest

from assistant import Assistant
from assistant.demo import demo_references, demo_study
from eval.references import read_stl, voxelise

pytestmark = pytest.mark.demo

QUESTIONS = [
    "How big is the liver?",
    "and the left kidney?",
    "segment the pancreatic tail tumor and measure it",
]


@pytest.fixture(scope="module")
def answers():
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


def test_follow_up_is_faster_than_the_first_question(answers):
    first, second, _ = answers[1]
    assert second.seconds < first.seconds / 2


def test_the_tumor_question_is_answered_honestly(answers):
    session, (_, _, tumor) = answers
    found = [f for f in tumor.findings if f.structure == "pancreas_tumor"]
    if session.workspace.can_find("pancreas_tumor"):
        assert found
        assert all(f.present or f.measurements == () for f in found)
    else:
        assert found == []
        assert "cannot look for" in tumor.text
