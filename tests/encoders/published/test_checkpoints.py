"""Every documented layout loads strictly; everything else is refused in one clear sentence."""

import argparse
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.published import checkpoints
from encoders.published.model import Layout, PublishedModel
from encoders.vision import build_backbone

ENTRIES = {"unet": (117, 19.416417), "swin_unetr": (170, 62.595315), "unetpp": (153, 7.256161)}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_and_parameters_are_the_published_ones(name):
    model = PublishedModel(Layout(name, 32))
    entries, millions = ENTRIES[name]
    assert len(model.state_dict()) == entries
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions)


SHAPES = {
    "unet": {
        "backbone.down_tr64.ops.0.conv1.weight": (32, 1, 3, 3, 3),
        "backbone.down_tr512.ops.1.bn1.running_var": (512,),
        "backbone.up_tr256.up_conv.weight": (512, 512, 2, 2, 2),
        "backbone.up_tr256.ops.0.conv1.weight": (256, 768, 3, 3, 3),
        "backbone.up_tr64.ops.0.conv1.weight": (64, 192, 3, 3, 3),
        "backbone.up_tr64.ops.1.bn1.num_batches_tracked": (),
        "precls_conv.2.weight": (8, 64, 1, 1, 1),
        "GAP.3.weight": (256, 512, 1, 1, 1),
        "controller.weight": (153, 512, 1, 1, 1),
        "organ_embedding": (32, 512),
        "text_to_vision.weight": (256, 512),
    },
    "swin_unetr": {
        "backbone.swinViT.patch_embed.proj.weight": (48, 1, 2, 2, 2),
        "backbone.swinViT.layers1.0.blocks.0.attn.relative_position_bias_table": (2197, 3),
        "backbone.swinViT.layers4.0.blocks.1.attn.relative_position_index": (343, 343),
        "backbone.swinViT.layers4.0.downsample.reduction.weight": (768, 3072),
        "backbone.encoder1.layer.conv3.conv.weight": (48, 1, 1, 1, 1),
        "backbone.encoder10.layer.conv2.conv.weight": (768, 768, 3, 3, 3),
        "backbone.decoder5.transp_conv.conv.weight": (768, 384, 2, 2, 2),
        "backbone.decoder1.conv_block.conv1.conv.weight": (48, 96, 3, 3, 3),
        "GAP.0.weight": (768,),
        "GAP.3.weight": (256, 768, 1, 1, 1),
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_names_and_shapes_are_the_published_ones(name):
    state = PublishedModel(Layout(name, 32)).state_dict()
    for key, shape in SHAPES[name].items():
        assert tuple(state[key].shape) == shape


@pytest.mark.parametrize("name", ["unet", "swin_unetr", "unetpp"])
@pytest.mark.parametrize("flat", [False, True])
def test_both_key_generations_load(make_model, write, name, flat):
    model = make_model(name)
    extra = {"epoch": 3, "optimizer": {"state": {0: {"step": 1}}}, "scheduler": {"best": np.float64(0.5)}}
    path = write(model.state_dict(), flat=flat, **extra)
    again, report = checkpoints.load(path)
    assert report.complete
    assert (report.backbone, report.generation) == (name, "flat" if flat else "backbone")
    assert report.loaded == report.entries == len(model.state_dict())
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)


@pytest.mark.parametrize("wrapper", ["net", "state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_wrappers_and_prefixes(make_model, write, wrapper, prefix):
    _, report = checkpoints.load(write(make_model().state_dict(), prefix=prefix, wrapper=wrapper))
    assert report.complete


@pytest.mark.parametrize("classes", [9, 25, 31, 32, 38])
def test_any_number_of_classes(make_model, write, classes):
    model, _ = checkpoints.load(write(make_model(classes=classes).state_dict()))
    assert model.layout.classes == classes
    assert model(torch.rand(1, 1, 16, 16, 16)).shape[1] == classes


def test_learned_class_vectors_load(make_model, write):
    model = make_model(text_dim=None)
    again, report = checkpoints.load(write(model.state_dict()))
    assert report.complete
    assert again.layout.text_dim is None
    image = torch.rand(1, 1, 16, 16, 16)
    torch.testing.assert_close(again(image), model(image))


def test_output_layers_are_dropped_and_named(make_model, write):
    state = make_model("unet").state_dict() | {
        "backbone.out_tr.final_conv.weight": torch.zeros(1, 16, 1, 1, 1)
    }
    _, report = checkpoints.load(write(state))
    assert report.dropped == ("module.backbone.out_tr.final_conv.weight",)
    assert "1 dropped" in str(report)


def test_missing_unexpected_and_misshapen_keys_are_data(make_model, write):
    state = make_model().state_dict()
    del state["controller.bias"]
    state["stranger"] = torch.zeros(2)
    state["GAP.0.bias"] = torch.zeros(3)
    path = write(state)
    _, report = checkpoints.load(path, strict=False)
    assert report.missing == ("controller.bias",)
    assert report.unexpected == ("stranger",)
    assert report.mismatched == (("GAP.0.bias", (3,), (128,)),)
    assert report.to_dict()["missing"] == ("controller.bias",)
    with pytest.raises(BodyMapsError, match=r"1 missing \(controller.bias\).*1 unexpected \(stranger\)"):
        checkpoints.load(path)


def test_a_supplied_txt_encoding_fills_in(make_model, write, tmp_path):
    model = make_model()
    state = model.state_dict()
    encoding = tmp_path / "txt_encoding.pth"
    torch.save(state.pop("organ_embedding").half(), encoding)
    path = write(state)
    with pytest.raises(BodyMapsError, match="no class embedding"):
        checkpoints.load(path)
    again, _ = checkpoints.load(path, encoding)
    torch.testing.assert_close(again.organ_embedding, model.organ_embedding, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("legacy", [False, True])
def test_training_states_of_strangers_load(make_model, tmp_path, monkeypatch, legacy):
    """As training on a GPU left them: its storage tags, half precision, optimizer, scheduler, settings, numpy."""
    model = make_model()
    steps = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    steps.param_groups[0]["params"][0].grad = torch.ones(3)
    steps.step()
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(steps, 5)
    content = {
        "net": OrderedDict(
            (f"module.{k}", v.half() if v.is_floating_point() else v) for k, v in model.state_dict().items()
        ),
        "optimizer": steps.state_dict(),
        "scheduler": plan.state_dict(),
        "epoch": 7,
        "best": np.float32(0.5),
        "history": np.arange(3.0),
        "args": argparse.Namespace(lr=1e-4, folder=Path("/data")),
        "metrics": defaultdict(list, dice=[0.5]),
    }
    path = tmp_path / "clip_driven_universal_unet.pth"
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    again, report = checkpoints.load(path)
    assert report.complete
    for key, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, atol=2e-3, rtol=1e-3)


def test_a_scheduler_that_keeps_objects_loads(make_model, tmp_path):
    class Own:
        pass

    Own.__qualname__ = "Own"
    globals()["Own"] = Own
    path = tmp_path / "m.pth"
    torch.save({"net": make_model().state_dict(), "scheduler": {"anneal": Own()}}, path)
    assert checkpoints.load(path)[1].complete


@pytest.mark.parametrize("prefix", ["module._orig_mod.", "model.", "net.", "module.module.", "backbone."])
def test_prefixes_of_other_wrappers(make_model, write, prefix):
    assert checkpoints.load(write(make_model().state_dict(), prefix=prefix))[1].complete


def test_a_backbone_wrapped_by_itself_and_wrappers_in_wrappers(make_model, tmp_path):
    state = make_model().state_dict()
    named = {k.replace("backbone.", "module.backbone.module."): v for k, v in state.items()}
    path = tmp_path / "m.pth"
    torch.save({"state_dict": {"net": named, "epoch": 3}, "model": None, 7: torch.zeros(2)}, path)
    assert checkpoints.load(path)[1].complete


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("organ_embedding", torch.zeros(32, 512, 1), "no table"),
        ("organ_embedding", torch.zeros(0, 512), "no table"),
        ("organ_embedding", torch.zeros(32, 768), "of another shape"),
        ("text_to_vision.weight", torch.zeros(3), "no table"),
        ("controller.weight", torch.zeros(100, 512, 1, 1, 1), "of another shape"),
        ("backbone.down_tr64.ops.0.conv1.weight", torch.zeros(8), "no 3D convolution"),
        ("backbone.down_tr64.ops.0.conv1.weight", torch.zeros(0, 1, 3, 3, 3), "no 3D convolution"),
        ("GAP.0.bias", torch.full((128,), torch.nan), "not finite"),
    ],
)
def test_tensors_that_cannot_be_are_refused_in_one_line(make_model, write, key, value, says):
    with pytest.raises(BodyMapsError, match=says):
        checkpoints.load(write(make_model().state_dict() | {key: value}))


def test_a_table_of_text_embeddings_as_published(tmp_path, monkeypatch):
    table = torch.randn(32, 512).half()
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    torch.save(table, tmp_path / "txt_encoding.pth")
    assert torch.equal(checkpoints.read_embedding(tmp_path / "txt_encoding.pth"), table.float())
    torch.save({"a": table}, tmp_path / "other.pth")
    with pytest.raises(BodyMapsError, match="not a table"):
        checkpoints.read_embedding(tmp_path / "other.pth")


class Evil:
    def __init__(self, call):
        self._call = call

    def __reduce__(self):
        return (self._call, ("echo this must not run",))


@pytest.mark.parametrize("call", [print, eval, os.system])
def test_code_in_a_pickle_never_runs(tmp_path, capfd, call):
    path = tmp_path / "evil.pth"
    torch.save({"net": Evil(call)}, path)
    with pytest.raises(BodyMapsError, match="could run code"):
        checkpoints.load(path)
    assert "must not run" not in capfd.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(BodyMapsError):
        checkpoints.load(path)
    with pytest.raises(BodyMapsError, match="no checkpoint at"):
        checkpoints.load(tmp_path / "nowhere.pth")


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"layer1.weight": torch.zeros(3)}}, path)
    with pytest.raises(BodyMapsError, match="no known network"):
        checkpoints.load(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_saving_and_loading(make_model, tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    model = make_model()
    checkpoints.save(model, path, "universal_32")
    again, report = checkpoints.load(path)
    assert report.complete
    assert checkpoints.saved_order(path) == ("universal_32" if suffix == ".safetensors" else None)
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)


def test_models_genesis_weights_initialise_a_unet(write):
    source = build_backbone("unet", width=16)
    state = source.state_dict() | {"out_tr.final_conv.weight": torch.zeros(1, 16, 1, 1, 1)}
    target = build_backbone("unet", width=16)
    report = checkpoints.initialise(target, write(state, wrapper="state_dict", epoch=1))
    assert report.complete
    assert report.dropped == ("module.out_tr.final_conv.weight",)
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value)


@pytest.mark.parametrize("name", ["unet", "swin_unetr"])
def test_a_universal_checkpoint_initialises_its_backbone(make_model, write, name):
    model = make_model(name)
    target = build_backbone(name, **model.layout.backbone_args)
    report = checkpoints.initialise(target, write(model.state_dict(), flat=True))
    assert report.complete
    assert "organ_embedding" in report.dropped
    image = torch.rand(1, 1, 32, 32, 32) if name == "unet" else torch.rand(1, 1, 64, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(target.eval()(image)[0], model.backbone(image)[0])


def test_a_backbone_of_another_network_is_not_initialised(make_model, write):
    with pytest.raises(BodyMapsError, match="does not fit this backbone"):
        checkpoints.initialise(build_backbone("unetpp"), write(make_model("unet").state_dict()))


def test_convert_writes_safetensors(make_model, write, tmp_path):
    source, target = write(make_model().state_dict()), tmp_path / "m.safetensors"
    run = [sys.executable, "-m", "assistant.cli", "convert", str(source), str(target)]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "117 of 117" in done.stdout
    assert checkpoints.saved_order(target) == "universal_32"
    bad = subprocess.run([*run[:-1], str(tmp_path / "m.txt")], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "safetensors" in bad.stderr
