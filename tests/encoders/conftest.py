import numpy as np
import pytest


@pytest.fixture
def tiny_model():
    """A random universal model that runs in milliseconds."""
    import torch

    from encoders.universal import ModelConfig, UniversalModel

    torch.manual_seed(0)
    config = ModelConfig(
        structures=("liver", "spleen", "kidney_left", "kidney_right"),
        backbone_args={"widths": [8, 16], "out_channels": 16},
        text_dim=64,
        hidden=8,
        head_channels=(4, 4),
        window=(16, 12, 20),
        spacing_mm=4.0,
    )
    return UniversalModel(config).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def plain_heads():
    """plain_heads(state, bottleneck, full): logits (classes, D, H, W) of published heads, in numpy but for one map.

    Written from the description of the heads alone; bottleneck and full are a backbone's two maps, batch 1.
    """
    import torch.nn.functional as F

    def group_norm(x, weight, bias, groups=16):
        grouped = x.reshape(groups, -1)
        grouped = (grouped - grouped.mean(1, keepdim=True)) / (
            grouped.var(1, unbiased=False, keepdim=True) + 1e-5
        ).sqrt()
        scale, shift = weight.reshape(1, -1, 1, 1, 1), bias.reshape(1, -1, 1, 1, 1)
        return grouped.reshape(x.shape) * scale + shift

    def heads(state, bottleneck, full):
        pooled = group_norm(bottleneck, state["GAP.0.weight"], state["GAP.0.bias"]).clamp_min(0)
        pooled = (state["GAP.3.weight"][:, :, 0, 0, 0] @ pooled.mean(dim=(2, 3, 4))[0]) + state["GAP.3.bias"]
        voxels = group_norm(full, state["precls_conv.0.weight"], state["precls_conv.0.bias"]).clamp_min(0)
        voxels = F.conv3d(voxels, state["precls_conv.2.weight"], state["precls_conv.2.bias"])[0].numpy()
        logits = []
        for row in state["organ_embedding"].float():
            words = (state["text_to_vision.weight"] @ row + state["text_to_vision.bias"]).clamp_min(0).numpy()
            joint = np.concatenate([pooled.numpy(), words])
            p = state["controller.weight"][:, :, 0, 0, 0].numpy() @ joint + state["controller.bias"].numpy()
            h = np.einsum("oc,cxyz->oxyz", p[:64].reshape(8, 8), voxels) + p[136:144, None, None, None]
            h = np.einsum("oc,cxyz->oxyz", p[64:128].reshape(8, 8), np.maximum(h, 0))
            h = np.maximum(h + p[144:152, None, None, None], 0)
            logits.append(np.einsum("c,cxyz->xyz", p[128:136], h) + p[152])
        return np.stack(logits)

    return heads
