"""Phrasings and the Dice of their masks."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.segmenters.base import Mask
from eval.paraphrase import agreement, measure, phrasings, table
from prompts.ontology import ontology


class Hears:
    """A segmenter that understands a phrase when it holds the word 'liver', and else draws the spleen."""

    def __init__(self) -> None:
        self.masks = {}
        for n, name in enumerate(("liver", "spleen")):
            array = np.zeros((6, 6, 6), bool)
            array[3 * n : 3 * n + 3] = True
            self.masks[name] = Mask.from_full(name, array, 1.0)

    def segment(self, volume, structures):
        return {name: self.masks[name] for name in structures}

    def nearest(self, phrase):
        return ("liver" if "liver" in phrase else "spleen"), 1.0

    def segment_phrase(self, volume, phrase):
        return self.masks[self.nearest(phrase)[0]]


def test_phrasings_name_the_structure_and_some_are_misspelt():
    found = phrasings("liver")
    assert len(set(found)) == len(found) == 20
    names = ontology().names("liver")
    plain = [phrase for phrase in found if any(name in phrase.lower() for name in names)]
    assert 12 <= len(plain) < 20
    assert phrasings("liver") == found


def test_a_phrase_that_is_misheard_costs_its_share():
    result = measure(Hears(), None, ["liver", "spleen"])
    liver, spleen = result["rows"]
    heard = np.mean(["liver" in phrase for phrase in phrasings("liver")])
    assert liver["right"] == liver["agreement"] == pytest.approx(heard)
    assert liver["worst"] == 0
    assert "liver" not in liver["worst_phrase"]
    assert spleen["agreement"] == 1
    assert f"{100 * (heard + 1) / 2:.1f} %" in table(result)


def test_agreement():
    one, other = Hears().masks.values()
    assert agreement(one, one) == 1
    assert agreement(one, other) == 0
    nothing = Mask.absent("liver", (6, 6, 6), 1.0)
    assert agreement(nothing, nothing) == 1
