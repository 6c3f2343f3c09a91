"""Text encoders with random weights from local folders: nothing is downloaded."""

import json

import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.published.classes import class_order, prompts
from encoders.text import load_text_encoder
from encoders.text.cache import compare, embed_prompts

PROMPTS = prompts(class_order(32)[:4])


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A small CLIP of open_clip's own kind."""
    import open_clip
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    config = {
        "embed_dim": 32,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.manual_seed(0)
    model = open_clip.model.CLIP(**config)
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("bert")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "a",
        "computerized",
        "tomography",
        "of",
        "spleen",
        "liver",
        "kidney",
        "left",
        "right",
    ]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(words), **shape)).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(params=["openclip", "transformers", "embedded"])
def encoder(request, clip_folder, bert_folder):
    folder = {"openclip": f":{clip_folder}", "transformers": f":{bert_folder}", "embedded": ""}[request.param]
    return load_text_encoder(request.param + folder)


def test_phrases_become_unit_vectors(encoder):
    encoded, raw = encoder.encode(PROMPTS), encoder.embed(PROMPTS)
    assert encoded.shape == raw.shape == (4, encoder.dim)
    assert encoded.dtype == torch.float32
    torch.testing.assert_close(encoded.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(raw / raw.norm(dim=1, keepdim=True), encoded)
    assert (encoded[0] - encoded[1]).abs().max() > 1e-4
    torch.testing.assert_close(encoder.encode(PROMPTS[1:2])[0], encoded[1], atol=1e-5, rtol=1e-4)


def test_what_is_kept_is_not_computed_again(encoder, tmp_path, monkeypatch):
    first = embed_prompts(encoder, PROMPTS[:3], tmp_path)
    torch.testing.assert_close(first, encoder.embed(PROMPTS[:3]), atol=1e-5, rtol=1e-4)
    asked = []
    monkeypatch.setattr(
        type(encoder), "embed", lambda self, p: (asked.extend(p), torch.ones(len(p), self.dim))[1]
    )
    again = embed_prompts(encoder, [*PROMPTS, PROMPTS[0]], tmp_path)
    assert asked == [PROMPTS[3]]
    assert torch.equal(again[:3], first)
    assert torch.equal(again[4], first[0])


def test_another_encoder_has_its_own(encoder, tmp_path):
    class Other:
        fingerprint = "another"

        def embed(self, phrases):
            return torch.zeros(len(phrases), 3)

    embed_prompts(encoder, PROMPTS, tmp_path)
    assert not embed_prompts(Other(), PROMPTS, tmp_path).any()
    assert len(list(tmp_path.iterdir())) == 8


def test_a_damaged_entry_is_computed_again(encoder, tmp_path):
    first = embed_prompts(encoder, PROMPTS[:1], tmp_path)
    next(tmp_path.iterdir()).write_bytes(b"damaged")
    torch.testing.assert_close(embed_prompts(encoder, PROMPTS[:1], tmp_path), first)


def test_comparison_with_a_supplied_table():
    table = torch.randn(4, 32) * 8
    assert compare(table, table.half()).same
    changed = table.clone()
    changed[2] = torch.randn(32)
    found = compare(changed, table)
    assert not found.same
    assert [c > 0.999 for c in found.cosine] == [True, True, False, True]
    assert not compare(table * 1.1, table).same
    assert not compare(table[:3], table).same


def test_the_openclip_text_tower_is_what_clip_computes(clip_folder):
    """Token and position embeddings, one transformer layer, the end token's feature, projected: by hand."""
    import open_clip
    from safetensors.torch import load_file

    state = load_file(clip_folder / "open_clip_model.safetensors")
    tokens = open_clip.SimpleTokenizer()(PROMPTS[:1])
    x = state["token_embedding.weight"][tokens[0]] + state["positional_embedding"]

    def norm(x, at):
        return torch.nn.functional.layer_norm(x, (32,), state[f"{at}.weight"], state[f"{at}.bias"])

    at = "transformer.resblocks.0"
    h = norm(x, f"{at}.ln_1")
    q, k, v = (h @ state[f"{at}.attn.in_proj_weight"].T + state[f"{at}.attn.in_proj_bias"]).split(32, 1)
    q, k, v = (t.reshape(77, 2, 16).transpose(0, 1) for t in (q, k, v))
    scores = (q @ k.transpose(1, 2)) / 4 + torch.full((77, 77), float("-inf")).triu(1)
    h = (scores.softmax(-1) @ v).transpose(0, 1).reshape(77, 32)
    x = x + h @ state[f"{at}.attn.out_proj.weight"].T + state[f"{at}.attn.out_proj.bias"]
    h = norm(x, f"{at}.ln_2") @ state[f"{at}.mlp.c_fc.weight"].T + state[f"{at}.mlp.c_fc.bias"]
    h = h * torch.sigmoid(1.702 * h)
    x = x + h @ state[f"{at}.mlp.c_proj.weight"].T + state[f"{at}.mlp.c_proj.bias"]
    expected = norm(x, "ln_final")[tokens[0].argmax()] @ state["text_projection"]
    encoder = load_text_encoder(f"openclip:{clip_folder}")
    torch.testing.assert_close(encoder.embed(PROMPTS[:1])[0], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("spec", ["magic", "transformers", "embedded:x"])
def test_unknown_encoders_name_the_known(spec):
    with pytest.raises(BodyMapsError, match="known: embedded"):
        load_text_encoder(spec)


def test_what_is_not_here_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    for kind in ("openclip", "transformers"):
        with pytest.raises(BodyMapsError, match="give a local folder"):
            load_text_encoder(f"{kind}:{tmp_path / 'empty'}")
