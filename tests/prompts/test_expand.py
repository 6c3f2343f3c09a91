"""Compact records, expanded."""

from itertools import pairwise

import pytest

from prompts.expand import expand, fill, matching

WORDS = {
    "sides": {"left": ["left", "l"], "right": ["right", "r"]},
    "sided": ["{side} {noun}", "{noun} {side}"],
    "lists": {"tumor": ["tumor", "mass"]},
    "levels": {"toes": {1: {"ordinal": "first"}, 2: {"ordinal": "second"}}},
}


def expanded(key, record):
    return dict(expand(key, record, WORDS))


def test_a_plain_record_keeps_its_name():
    assert expanded("small_bowel", {"colour": [1, 2, 3]})["small_bowel"] == {
        "name": "small bowel",
        "synonyms": (),
        "side": None,
        "colour": (1, 2, 3),
        "children": [],
        "within": [],
    }


def test_sides_join_the_name_or_fill_it():
    pair = expanded(
        "ear_{side}", {"name": "ear", "synonyms": ["{s}e", "lobe of the {side} ear"], "colour": [100, 40, 0]}
    )
    assert list(pair) == ["ear_left", "ear_right"]
    assert pair["ear_left"]["name"] == "left ear"
    assert pair["ear_left"]["synonyms"] == (
        "l ear", "ear left", "ear l", "le", "lobe of the left ear", "lobe of the l ear",
    )  # fmt: skip
    assert pair["ear_right"]["colour"] == (75, 30, 0)


def test_a_side_may_add_and_override():
    pair = expanded(
        "ear_{side}",
        {"name": "ear", "sct": 1, "right": {"sct": 2, "synonyms": ["dexter {side}"], "colour": [9, 9, 9]}},
    )
    assert (pair["ear_left"]["sct"], pair["ear_right"]["sct"]) == (1, 2)
    assert pair["ear_right"]["colour"] == (9, 9, 9)
    assert "dexter right" in pair["ear_right"]["synonyms"]
    assert "right" not in pair["ear_left"]


def test_levels_number_names_and_colours():
    toes = expanded(
        "toe_{side}_{level}",
        {"name": "{ordinal} {side} toe", "levels": "toes", "colour": [0, 0, 0], "colour_to": [100, 200, 40]},
    )
    assert list(toes) == ["toe_left_1", "toe_left_2", "toe_right_1", "toe_right_2"]
    assert toes["toe_left_2"]["name"] == "second left toe"
    assert toes["toe_left_2"]["colour"] == (100, 200, 40)
    assert toes["toe_right_2"]["colour"] == (75, 150, 30)


def test_links_are_filled():
    group = expanded("ears", {"children": ["ear_{side}"]})["ears"]
    assert group["children"] == ["ear_left", "ear_right"]
    lobe = expanded("lobe_{side}", {"name": "lobe", "within": ["ear_{side}"]})["lobe_right"]
    assert lobe["within"] == ["ear_right"]


def test_word_lists_multiply():
    ear = expanded("ear_tumor", {"synonyms": ["ear {tumor}", "Aural {tumor}"]})["ear_tumor"]
    assert ear["synonyms"] == ("ear mass", "aural tumor", "aural mass")


def test_fill():
    assert fill("{a}{b}{a}", {"a": ["1", "2"], "b": ["x", "y"]}) == ["1x1", "1y1", "2x2", "2y2"]
    assert fill("plain", {}) == ["plain"]
    with pytest.raises(KeyError, match="colour"):
        fill("{colour}", {"a": ["1"]})


def test_matching_keeps_order_and_unknown_ids():
    ids = ["rib_2", "rib_10", "hip", "rib_cyst"]
    assert matching(["hip", "rib_*", "hip"], ids) == ("hip", "rib_2", "rib_10", "rib_cyst")
    assert matching(["elbow"], ids) == ("elbow",)
    assert all(a != b for a, b in pairwise(matching(["*"], ids)))
