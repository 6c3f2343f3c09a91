"""Files in the published layouts, read by the loader, against MONAI's own networks with heads written out in numpy.

The U-Net has its own independent computation in `tests/encoders/vision/test_unet.py`.
"""

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNetPlusPlus, SwinUNETR

from encoders.published import checkpoints
from encoders.published.model import Layout, PublishedModel
from encoders.vision.swin_unetr import PublishedMerging

NETWORKS = {
    "swin_unetr": (
        lambda **options: SwinUNETR(in_channels=1, out_channels=1, feature_size=48, **options),
        ("encoder10", "decoder1"),
        170,
    ),
    "unetpp": (lambda: BasicUNetPlusPlus(3, 1, 1), ("conv_4_0", "upcat_0_4"), 153),
}
CASES = {
    "swin_unetr": ("swin_unetr", {"downsample": PublishedMerging}, {}),
    "swin_unetr, monai": ("swin_unetr", {}, {"merging": "monai"}),
    "unetpp": ("unetpp", {}, {}),
}


def small(key, value):
    """Random values as layers start with them, so that logits are of the order of one."""
    random = (2 * torch.rand_like(value) - 1) / max(value[0].numel(), 8) ** 0.5
    return random + 1 if key in ("GAP.0.weight", "precls_conv.0.weight") else random


def maps(network, names, image):
    """What two modules of a network give."""
    found = {}
    for name in names:
        getattr(network, name).register_forward_hook(lambda _, __, out, name=name: found.update({name: out}))
    network(image)
    return [found[name] for name in names]


@pytest.mark.parametrize("case", CASES)
def test_logits_of_a_file_equal_the_independent_computation(case, write, plain_heads):
    name, theirs, ours = CASES[case]
    build, names, entries = NETWORKS[name]
    torch.manual_seed(0)
    network = build(**theirs).eval()
    unused = ("out.", "final_conv")
    state = {f"backbone.{k}": v for k, v in network.state_dict().items() if not k.startswith(unused)}
    heads = PublishedModel(Layout(name, 32)).state_dict()
    state |= {k: small(k, v) for k, v in heads.items() if not k.startswith("backbone.")}
    path = write(state, flat=name == "swin_unetr", epoch=1, optimizer={"state": {}, "param_groups": []})
    model, report = checkpoints.load(path, **ours)
    assert (report.loaded, report.entries, report.complete) == (entries, entries, True)
    image = torch.rand(1, 1, 32, 32, 32) if name == "unetpp" else torch.rand(1, 1, 64, 64, 64)
    with torch.inference_mode():
        expected = plain_heads(state, *maps(network, names, image))
        found = model(image)[0].numpy()
        some = model(image, [27, 5])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(some, expected[[27, 5]], atol=1e-4)


def test_merging_is_asked_of_a_swin_unetr_only(make_model, write):
    path = write(make_model("unet").state_dict())
    with pytest.raises(checkpoints.BodyMapsError, match="cannot be built with merging=monai"):
        checkpoints.load(path, merging="monai")
