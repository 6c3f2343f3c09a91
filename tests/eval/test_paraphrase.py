"""Phrasings and the Dice of their masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from encoders.errors import Cancelled
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

    def nearest(self, phrase):
        known = "liver" in phrase or "spleen" in phrase
        return ("liver" if "liver" in phrase else "spleen"), 1.0 if known else 0.5

    def segment_phrases(self, volume, phrases, progress, meant):
        progress(1.0, "drawing")
        return {phrase: self.masks[self.nearest(phrase)[0]] for phrase in phrases}


def test_phrasings_name_the_structure_and_some_are_misspelt():
    found = phrasings("liver")
    assert len(set(found)) == len(found) == 20
    names = ontology().names("liver")
    plain = [phrase for phrase in found if any(name in phrase.lower() for name in names)]
    assert 12 <= len(plain) < 20
    assert phrasings("liver") == found


def test_a_phrase_that_is_misheard_costs_its_share():
    told = []
    result = measure(Hears(), None, ["liver", "spleen"], lambda done, what: told.append(done))
    assert told == [0.5, 1.0]
    liver, spleen = result["rows"]
    heard = np.mean(["liver" in phrase for phrase in phrasings("liver")])
    assert liver["right"] == liver["agreement"] == pytest.approx(heard)
    assert liver["worst"] == 0
    assert "liver" not in liver["worst_phrase"]
    assert spleen["agreement"] == 1
    assert liver["unnamed"] == round(20 * (1 - heard))
    assert liver["unnamed_agreement"] == 0
    assert spleen["unnamed"] > 0
    assert spleen["unnamed_agreement"] == 1
    share = spleen["unnamed"] / (liver["unnamed"] + spleen["unnamed"])
    assert result["unnamed_agreement"] == pytest.approx(share)
    assert f"{100 * (heard + 1) / 2:.1f} %" in table(result)


def test_a_progress_that_stops_the_work_stops_it():
    def stop(done, what):
        raise Cancelled

    with pytest.raises(Cancelled):
        measure(Hears(), None, ["liver"], stop)


def test_agreement():
    one, other = Hears().masks.values()
    assert agreement(one, one) == 1
    assert agreement(one, other) == 0
    nothing = Mask.absent("liver", (6, 6, 6), 1.0)
    assert agreement(nothing, nothing) == 1
    assert agreement(nothing, one) == agreement(one, nothing) == 0


@given(st.integers(0, 2**32 - 1), st.floats(0.005, 0.3))
def test_agreement_of_cropped_masks_is_that_of_whole_ones(seed, share):
    here, there = np.random.default_rng(seed).random((2, 5, 6, 7)) < share
    assume(here.any() or there.any())
    wanted = 2 * (here & there).sum() / (here.sum() + there.sum())
    found = agreement(Mask.from_full("liver", here, 1.0), Mask.from_full("liver", there, 1.0))
    assert found == pytest.approx(wanted)
