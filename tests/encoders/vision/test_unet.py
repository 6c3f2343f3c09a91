"""The published U-Net against an independent computation in plain torch.functional and numpy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from encoders.published.model import Layout, PublishedModel
from encoders.vision.unet import UNet3D


def normalise(x, weight, bias):
    """Batch normalisation by the window's own statistics, written out."""
    mean = x.mean(dim=(0, 2, 3, 4), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3, 4), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * weight.reshape(1, -1, 1, 1, 1) + bias.reshape(
        1, -1, 1, 1, 1
    )


def plain(state, image, heads):
    """Logits (classes, D, H, W) of a checkpoint's tensors, from the description of the network alone."""

    def units(x, name):
        for n in range(2):
            at = f"backbone.{name}.ops.{n}"
            x = F.conv3d(x, state[f"{at}.conv1.weight"], state[f"{at}.conv1.bias"], padding=1)
            x = normalise(x, state[f"{at}.bn1.weight"], state[f"{at}.bn1.bias"]).clamp_min(0)
        return x

    def up(x, skip, name):
        at = f"backbone.{name}.up_conv"
        x = F.conv_transpose3d(x, state[f"{at}.weight"], state[f"{at}.bias"], stride=2)
        return units(torch.cat([x, skip], 1), name)

    skips = [units(image, "down_tr64")]
    for name in ("down_tr128", "down_tr256", "down_tr512"):
        skips.append(units(F.max_pool3d(skips[-1], 2), name))
    bottleneck = skips.pop()
    x = bottleneck
    for name in ("up_tr256", "up_tr128", "up_tr64"):
        x = up(x, skips.pop(), name)
    return heads(state, bottleneck, x)


@pytest.fixture(scope="module")
def case(plain_heads):
    """The full-width network with statistics in its file that would change everything if they were read."""
    torch.manual_seed(0)
    model = PublishedModel(Layout("unet", 32)).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
            module.running_mean.fill_(7.0)
            module.running_var.fill_(9.0)
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.inference_mode():
        return model, image, plain(model.state_dict(), image, plain_heads)


def test_logits_equal_the_independent_computation(case):
    model, image, expected = case
    with torch.inference_mode():
        np.testing.assert_allclose(model(image)[0].numpy(), expected, atol=1e-4)


def test_a_forward_leaves_the_running_statistics_alone(case):
    model, image, _ = case
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.inference_mode():
        model(image)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_a_subset_of_classes_has_the_logits_of_all(case):
    model, image, _ = case
    with torch.inference_mode():
        every, some = model(image), model(image, [27, 5])
    torch.testing.assert_close(some, every[:, [27, 5]], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(16, 16, 16), (24, 16, 32)])
def test_the_fused_network_is_the_same(size):
    torch.manual_seed(1)
    backbone = UNet3D(width=16).eval().requires_grad_(False)
    for block in (backbone.up_tr256, backbone.up_tr128, backbone.up_tr64):
        block.up_conv.bias.data.normal_()  # a constant whose reach ends at the rim
    image = torch.rand(1, 1, *size)
    with torch.inference_mode():
        before = backbone(image)
        backbone.fuse()
        after = backbone(image)
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(b, a, atol=1e-4, rtol=1e-4)
    assert (after[1] - before[1]).abs().max() > 0  # it did take the other way


def test_windows_do_not_share_a_result():
    """The same voxels get other features in another window: the statistics are the window's."""
    torch.manual_seed(2)
    backbone = UNet3D(width=16).eval()
    image = torch.rand(1, 1, 32, 16, 16)
    image[:, :, 16:] *= 0.1
    with torch.inference_mode():
        whole, part = backbone(image)[1], backbone(image[:, :, :16])[1]
    assert (whole[:, :, :8] - part[:, :, :8]).abs().max() > 1e-2
