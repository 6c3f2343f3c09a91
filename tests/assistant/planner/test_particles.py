"""Verbs in two pieces."""

from assistant.planner import plan
from assistant.planner.lexicon import lexicon
from assistant.planner.particles import rejoined
from assistant.planner.tag import prepare, tag


def test_leave_out_is_one_word():
    made = rejoined(tag(prepare("leave the stomach out and segment the liver"), lexicon()))
    assert [t.kind for t in made if t.kind != "filler"] == ["neg", "struct", "conj", "verb", "struct"]


def test_leave_alone_is_left_as_it_is():
    tags = tag(prepare("leave the stomach. segment the liver"), lexicon())
    assert rejoined(tags) == tags


def test_what_is_left_out_is_not_segmented():
    assert plan("leave the gallbladder out and segment the liver").calls[0].targets == ("liver",)
