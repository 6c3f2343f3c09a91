"""Checkpoints in the published layouts load strictly, and classes asked for are those of the whole."""

import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.published.checkpoints import fill, load, read_keys, save
from encoders.published.classes import class_order
from encoders.published.model import Layout, PublishedModel


def model(backbone="unet", classes=32):
    torch.manual_seed(0)
    return PublishedModel(Layout(backbone, classes)).eval().requires_grad_(False)


@pytest.mark.parametrize(("backbone", "entries"), [("unet", 117), ("swin_unetr", 170)])
def test_every_entry_of_the_published_layout_is_read(backbone, entries, tmp_path):
    written = model(backbone)
    assert len(written.state_dict()) == entries
    save(written, tmp_path / "m.pth")
    read, report = load(tmp_path / "m.pth")
    assert report.complete
    assert report.loaded == entries
    assert all(torch.equal(v, read.state_dict()[k]) for k, v in written.state_dict().items())


def test_classes_asked_for_have_the_logits_of_all():
    net = model()
    image = torch.rand(1, 1, 16, 16, 16)
    assert torch.allclose(net(image)[:, [7, 2]], net(image, [7, 2]), atol=1e-4)


def test_the_joined_convolutions_change_no_logit():
    net = model(classes=3)
    image = torch.rand(1, 1, 32, 16, 24)
    with torch.no_grad():
        plain = net(image)
        net.backbone.fuse()
        assert torch.allclose(net(image), plain, atol=1e-3)


def test_a_missing_key_is_named(tmp_path):
    net = model(classes=3)
    state = net.state_dict()
    gone = next(k for k in state if k.startswith("backbone.") and k.endswith("weight") and "up_tr" in k)
    torch.save({"net": {f"module.{k}": v for k, v in state.items() if k != gone}}, tmp_path / "m.pth")
    with pytest.raises(BodyMapsError, match="missing"):
        load(tmp_path / "m.pth")
    assert fill(model(classes=3), read_keys(tmp_path / "m.pth"), "unet").missing == (gone,)


def test_a_pickle_with_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"net": Trap()}, tmp_path / "m.pth")
    with pytest.raises(BodyMapsError, match="could run code"):
        load(tmp_path / "m.pth")


def test_the_32_classes_have_their_names():
    order = class_order(32, None)
    assert order[:4] == ("spleen", "kidney_right", "kidney_left", "gallbladder")
    assert len(set(order)) == 32
