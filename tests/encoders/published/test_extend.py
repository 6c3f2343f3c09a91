"""A class added by its text, and learned without touching the others."""

import json

import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.published import checkpoints
from encoders.published.classes import class_order, prompts
from encoders.published.extend import fine_tune_class, with_class
from encoders.segmenters import registry


def scan(size=24):
    torch.manual_seed(3)
    return torch.nn.functional.avg_pool3d(torch.rand(1, 1, size, size, size), 3, 1, 1)


def test_a_class_more_leaves_the_others_alone(make_model):
    model = make_model()
    embedding = torch.randn(512)
    grown = with_class(model, embedding)
    image = scan()
    with torch.inference_mode():
        assert torch.equal(grown(image, range(32)), model(image, range(32)))
    assert grown.layout.classes == 33
    assert torch.equal(grown.embeddings([32])[0], embedding)
    with pytest.raises(BodyMapsError, match="512 numbers"):
        with_class(model, torch.randn(7))


@pytest.mark.parametrize("text_dim", [512, None])
def test_fine_tuning_learns_the_new_class_only(make_model, tmp_path, text_dim):
    model = make_model(text_dim=text_dim)
    grown = with_class(model, torch.randn(text_dim or 256))
    image = scan()
    with torch.no_grad():  # what another class finds is what the new one shall learn
        known = model(image)[0] > 0
    share = known.float().mean(dim=(1, 2, 3))
    target = known[int((share - 0.3).abs().argmin())]
    before = {k: v.clone() for k, v in grown.state_dict().items()}
    losses = fine_tune_class(grown, 32, [(image, target)] * 80)
    with torch.inference_mode():
        found = grown(image, [32])[0, 0] > 0
    assert losses[-1] < 0.5 * losses[0]
    assert 2 * (found & target).sum() / (found.sum() + target.sum()) > 0.75
    for key, value in grown.state_dict().items():
        same = value[:32] if key.startswith("organ_embedding") else value
        assert torch.equal(same, before[key][:32] if key.startswith("organ_embedding") else before[key])
    path = tmp_path / "grown.pth"
    checkpoints.save(grown, path)
    again, report = checkpoints.load(path)
    assert report.complete
    assert again.layout.classes == 33


class Words:
    """A text encoder: a fixed random embedding for each prompt."""

    fingerprint = "words"

    def embed(self, phrases):
        seeds = [sum(map(ord, p)) for p in phrases]
        return torch.stack([torch.randn(512, generator=torch.Generator().manual_seed(s)) for s in seeds])


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command line with that encoder, and a cache of its own."""
    from assistant.cli import run as command

    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("encoders.text.load_text_encoder", lambda spec: Words())
    return lambda *arguments: command(["convert", *map(str, arguments)])


def test_a_file_is_compared_with_a_text_encoder_and_gets_a_class(make_model, tmp_path, run, capsys):
    model, path, out = make_model(), tmp_path / "m.pth", tmp_path / "out.safetensors"
    ids = class_order(32)
    model.organ_embedding.copy_(Words().embed(prompts(ids)).half())
    checkpoints.save(model, path)
    assert (
        run(path, out, "--text-encoder", "openclip", "--add", "liver_cyst", "--report", tmp_path / "r.json")
        == 0
    )
    line = json.loads(capsys.readouterr().out)
    assert (line["classes"], line["same"]) == (33, True)
    assert line["least_cosine"] > 0.999
    assert json.loads((tmp_path / "r.json").read_text())["text"]["cosine"].keys() == set(ids)
    grown = registry.load(f"universal:{out}")
    assert grown.structures == (*ids, "liver_cyst")
    assert torch.equal(grown.model.embeddings([32]), Words().embed(prompts(("liver_cyst",))))

    model.organ_embedding[5] = -model.organ_embedding[5]
    checkpoints.save(model, path)
    assert run(path, out, "--text-encoder", "openclip") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["same"], line["least_like"]) == (False, "liver")


def test_classes_that_cannot_be_added_are_refused(make_model, tmp_path, run, capsys):
    path, out = tmp_path / "m.pth", tmp_path / "out.pth"
    checkpoints.save(make_model(), path)
    for arguments, text in [
        (["--add", "liver_cyst"], "needs --text-encoder"),
        (["--add", "liver", "--text-encoder", "openclip"], "already has liver"),
        (["--add", "phlogiston", "--text-encoder", "openclip"], "unknown structure"),
    ]:
        assert run(path, out, *arguments) == 2
        assert text in capsys.readouterr().err
    checkpoints.save(make_model(text_dim=None), path)
    assert run(path, out, "--text-encoder", "openclip") == 2
    assert "learned" in capsys.readouterr().err
    assert not out.exists()


def test_a_supplied_table_is_compared_with_the_checkpoints_own(make_model, tmp_path, run, capsys):
    model, path, table, out = make_model(), tmp_path / "m.pth", tmp_path / "txt.pth", tmp_path / "out.pth"
    checkpoints.save(model, path)
    other = model.organ_embedding.clone()
    torch.save(other.half(), table)
    assert run(path, out, "--txt-encoding", table) == 0
    assert json.loads(capsys.readouterr().out)["same"]
    other[0] = other[1]  # a spleen with the words of a kidney
    torch.save(other, table)
    assert run(path, out, "--txt-encoding", table, "--report", tmp_path / "r.json") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["same"], line["least_like"]) == (False, "spleen")
    assert json.loads((tmp_path / "r.json").read_text())["txt_encoding"]["cosine"]["liver"] > 0.999
    assert torch.equal(checkpoints.load(out)[0].organ_embedding, model.organ_embedding)
    torch.save(other[:9], table)
    assert run(path, out, "--txt-encoding", table) == 2
    assert "(9, 512)" in capsys.readouterr().err
