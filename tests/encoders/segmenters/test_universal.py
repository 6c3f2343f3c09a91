import numpy as np
import pytest
import torch

from encoders.errors import BodyMapsError, Cancelled
from encoders.geometry import Geometry
from encoders.published import inference
from encoders.published.checkpoints import save
from encoders.published.model import Layout, PublishedModel
from encoders.segmenters import registry
from encoders.segmenters.base import Segmenter
from encoders.volume import Volume


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "small.pth"
    save(PublishedModel(Layout("unet", 32, backbone_args={"width": 16})), path)
    return path


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    hu = np.full((50, 44, 40), -1000, np.int16)
    hu[5:45, 5:40] = rng.normal(40, 80, (40, 35, 40))
    return Volume(hu, Geometry(hu.shape, np.diag([1.5, 1.5, 1.5, 1.0])))


def test_runs_through_the_registry(checkpoint, volume):
    segmenter = registry.load(f"universal:{checkpoint}")
    assert isinstance(segmenter, Segmenter)
    assert len(segmenter.supported()) == 32
    assert segmenter.quality("liver").level == "experimental"
    assert segmenter.quality("liver").dice is None
    assert segmenter.quality("heart").level == "unsupported"
    told = []
    masks = segmenter.segment(volume, ["liver", "liver_tumor"], lambda done, what: told.append(done))
    assert list(masks) == ["liver", "liver_tumor"]
    assert told[-1] == 1.0
    for mask in masks.values():
        assert mask.shape == volume.shape
        assert 0 <= mask.confidence <= 1


def test_masks_are_the_thresholded_logits(checkpoint, volume, monkeypatch):
    """A structure without rules of post-processing, at the model's own spacing: the logits' signs."""
    segmenter = registry.load(f"universal:{checkpoint}")
    monkeypatch.setattr(segmenter, "_half", False)
    mask = segmenter.segment(volume, ["hepatic_vessel"])["hepatic_vessel"]
    prepared = inference.prepare(volume)
    logits = inference.logits_of(segmenter.model, prepared.image, [14])
    expected = np.zeros(volume.shape, bool)
    expected[prepared.box.slices] = (logits[0] > 0).numpy()
    assert np.array_equal(mask.full(), expected)


def test_cancelling_stops_the_work(checkpoint, volume):
    def stop(done, what):
        raise Cancelled

    with pytest.raises(Cancelled):
        registry.load(f"universal:{checkpoint}").segment(volume, ["liver"], stop)


def test_another_class_order(tmp_path, volume):
    path, names = tmp_path / "two.safetensors", tmp_path / "names.txt"
    save(PublishedModel(Layout("unet", 2, backbone_args={"width": 16})), path)
    names.write_text("spleen\nheart\n")
    with pytest.raises(BodyMapsError, match="unknown order"):
        registry.load(f"universal:{path}").supported()
    segmenter = registry.load(f"universal:{path}?classes={names}")
    assert segmenter.supported() == {"spleen", "heart"}
    assert set(segmenter.segment(volume, ["heart"])) == {"heart"}


def test_what_cannot_run_is_said(checkpoint, volume):
    with pytest.raises(BodyMapsError, match="no checkpoint at"):
        registry.load("universal:/nowhere.pth")
    with pytest.raises(BodyMapsError, match="unknown option"):
        registry.load(f"universal:{checkpoint}?order=x")
    with pytest.raises(BodyMapsError, match="cannot segment heart"):
        registry.load(f"universal:{checkpoint}").segment(volume, ["heart"])
