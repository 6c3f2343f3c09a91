"""UNet++: MONAI's result, deep supervision, and pruning."""

import pytest
import torch
from monai.networks.nets import BasicUNetPlusPlus

from encoders.vision.unetpp import DeepUNetPlusPlus, UNetPlusPlus

NARROW = (8, 8, 8, 16, 16, 8)


@pytest.fixture
def deep():
    torch.manual_seed(0)
    return DeepUNetPlusPlus(2, features=NARROW).eval().requires_grad_(False)


@pytest.fixture
def image():
    torch.manual_seed(1)
    return torch.rand(1, 1, 32, 32, 32)


def test_equals_monai(deep, image):
    theirs = BasicUNetPlusPlus(3, 1, 2, features=NARROW, deep_supervision=True).eval()
    heads = {
        f"final_conv_0_{n}.{k}": v for n, h in enumerate(deep.heads, 1) for k, v in h.state_dict().items()
    }
    theirs.load_state_dict(deep.backbone.state_dict() | heads)
    with torch.inference_mode():
        for ours, expected in zip(deep(image), theirs(image), strict=True):
            torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)


def test_as_a_backbone(image):
    backbone = UNetPlusPlus().eval()
    with torch.inference_mode():
        bottleneck, full = backbone(image)
    assert bottleneck.shape == (1, 256, 2, 2, 2)
    assert full.shape == (1, 32, 32, 32, 32)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_pruned_network_answers_as_the_whole_did(deep, image, level):
    with torch.inference_mode():
        whole = deep(image)
        fast = deep(image, level)
        size = sum(p.numel() for p in deep.parameters())
        pruned = deep.prune(level)(image)
    assert pruned[0].shape == (1, 2, 32, 32, 32)
    for a, b, c in zip(whole[:level], fast, pruned, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    left = sum(p.numel() for p in deep.parameters())
    assert (left < size) == (level < 4)


def test_pruning_leaves_only_the_nodes_of_its_level(deep):
    names = {key.split(".")[0] for key in deep.prune(2).backbone.state_dict()}
    assert names == {"conv_0_0", "conv_1_0", "conv_2_0", "upcat_0_1", "upcat_1_1", "upcat_0_2"}
    with pytest.raises(ValueError, match="1 to 2"):
        deep.prune(3)


def test_every_head_gets_a_gradient(image):
    model = DeepUNetPlusPlus(1, features=NARROW)
    sum(logits.mean() for logits in model(image)).backward()
    assert all(head.weight.grad is not None and head.weight.grad.abs().sum() > 0 for head in model.heads)
