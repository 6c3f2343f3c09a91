import dataclasses

import numpy as np
import pytest
import torch

from encoders.learning.text import Codes, misspell, phrase_for, train_text_encoder
from encoders.text.embedded import EmbeddedTextEncoder, pieces, words
from encoders.universal import UniversalModel
from prompts.ontology import ontology


def test_words_lose_case_accents_and_punctuation():
    assert words("Œdème, l'Estomac-GAUCHE (T12)!") == ["œdeme", "l", "estomac", "gauche", "t12"]


def test_pieces_mark_the_ends_of_a_word():
    assert "<liver>" in set(pieces("liver"))
    assert {"<li", "er>"} <= set(pieces("liver"))


def test_embeddings_have_unit_length_and_ignore_word_order():
    torch.manual_seed(0)
    encoder = EmbeddedTextEncoder(dim=16)
    found = encoder.encode(["left kidney", "kidney, LEFT", "right kidney", ""])
    assert found.shape == (4, 16)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_round_trip(tmp_path):
    torch.manual_seed(0)
    encoder = EmbeddedTextEncoder(dim=16, buckets=64, width=8)
    path = tmp_path / "text.safetensors"
    encoder.save(path)
    again = EmbeddedTextEncoder.load(path)
    torch.testing.assert_close(again.encode(["spleen"]), encoder.encode(["spleen"]), atol=2e-3, rtol=0)


def test_misspelling_keeps_short_words_and_digits():
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert misspell("L3", rng) == "L3"
        changed = misspell("left vertebra 12", rng)
        assert changed.startswith("left ")
        assert changed.endswith(" 12")


def test_phrases_come_from_the_ontology():
    rng = np.random.default_rng(0)
    phrases = {phrase_for("liver", ["show me {name}"], rng) for _ in range(60)}
    assert "liver" in phrases
    assert len(phrases) > 10


@pytest.mark.timeout(120)
def test_training_brings_phrases_to_their_codes(tiny_model):
    encoder = train_text_encoder([tiny_model], steps=400, batch=128)
    codes = Codes.of([tiny_model])
    queries = {
        "the left kidney": "kidney_left",
        "hepar": "liver",
        "splen": "spleen",
        "right kidny": "kidney_right",
    }
    similarity = encoder.encode(list(queries)) @ codes.vectors.T
    nearest = [codes.ids[int(row)] for row in similarity.argmax(1)]
    right = sum(found == wanted for found, wanted in zip(nearest, queries.values(), strict=True))
    assert right >= 3


def test_two_passes_share_one_set_of_codes(tiny_model):
    config = dataclasses.replace(tiny_model.config, structures=("liver", "liver_tumor"))
    second = UniversalModel(config)
    codes = Codes.of([tiny_model, second])
    for model, structure in ((tiny_model, "spleen"), (second, "liver"), (second, "liver_tumor")):
        row = codes.vectors[codes.ids.index(structure)]
        assert torch.allclose(row, model.embeddings([structure])[0])
    assert sorted(codes.ids) == sorted(ontology())
    assert torch.allclose(codes.vectors.norm(dim=1), torch.ones(len(codes.ids)))
