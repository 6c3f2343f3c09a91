"""Anatomical words are kept, the request around them is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.anatomy import anatomical
from prompts.ontology import normalise, ontology, request_words


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("Could you trace the left kidney on this exam?", "left kidney"),
        ("I need the outline of the patient's whole aorta", "whole aorta"),
        ("the region occupied by the lung l", "lung l"),
        ("may I see L3", "l3"),
        ("show rib 1 l", "rib 1 l"),
        ("segment the tumour in the left kidney", "tumor left kidney"),
        ("display splene only", "splene"),
        ("which voxels are the IVC", "ivc"),
        ("colour in the colon", "colon"),
        ("my supervisor wants the superoir mesenteric artery", "superoir mesenteric artery"),
        ("hello there", "hello there"),
    ],
)
def test_words_of_anatomy_stay(phrase, words):
    assert anatomical(phrase) == words


def test_no_name_is_lost():
    for structure in ontology():
        for name in ontology().names(structure):
            assert set(normalise(name).split()) - set(anatomical(name).split()) <= request_words(), name


@given(st.text(max_size=60))
def test_any_text_gives_some_of_its_own_words(text):
    words = anatomical(text).split()
    own = iter(normalise(text).split())
    assert all(word in own for word in words)  # a subsequence
    assert bool(words) == bool(normalise(text))
