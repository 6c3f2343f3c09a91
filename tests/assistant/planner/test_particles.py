"""Verbs in two pieces, and dashes."""

from assistant.planner import plan
from assistant.planner.lexicon import lexicon
from assistant.planner.particles import punctuated, rejoined
from assistant.planner.tag import prepare, tag


def test_leave_out_is_one_word():
    made = rejoined(tag(prepare("leave the stomach out and segment the liver"), lexicon()))
    assert [t.kind for t in made if t.kind != "filler"] == ["neg", "struct", "conj", "verb", "struct"]


def test_leave_alone_is_left_as_it_is():
    tags = tag(prepare("leave the stomach. segment the liver"), lexicon())
    assert rejoined(tags) == tags


def test_what_is_left_out_is_not_segmented():
    assert plan("leave the gallbladder out and segment the liver").calls[0].targets == ("liver",)


def test_a_dash_between_words_is_a_comma_and_one_in_a_range_is_not():
    made = punctuated(tag(prepare("not the right kidney - the left"), lexicon()))
    assert (",",) in [t.keys for t in made if t.kind == "conj"]
    assert "range" in [t.kind for t in punctuated(tag(prepare("segment L1 - L3"), lexicon()))]
