import pytest
import torch
from monai.networks.nets import SwinUNETR

from encoders.vision import build_backbone
from encoders.vision.swin_unetr import PublishedMerging


@pytest.mark.parametrize("merging", ["monai", "published"])
def test_equals_monai(merging):
    """MONAI's output layer on our full-resolution map gives MONAI's logits; only that layer is not ours."""
    torch.manual_seed(0)
    options = {} if merging == "monai" else {"downsample": PublishedMerging}
    theirs = SwinUNETR(in_channels=1, out_channels=3, feature_size=12, spatial_dims=3, **options).eval()
    ours = build_backbone("swin_unetr", feature_size=12, merging=merging).eval()
    state = theirs.state_dict()
    assert set(state) - set(ours.state_dict()) == {"out.conv.conv.weight", "out.conv.conv.bias"}
    ours.load_state_dict({k: v for k, v in state.items() if not k.startswith("out.")})
    image = torch.rand(1, 1, 64, 64, 64)
    with torch.inference_mode():
        bottleneck, full = ours(image)
        torch.testing.assert_close(theirs.out(full), theirs(image), atol=1e-4, rtol=0)
    assert bottleneck.shape == (1, 192, 2, 2, 2)
    assert (ours.bottleneck_channels, ours.feature_channels) == (192, 12)


def test_the_published_merging_by_hand():
    """The fifth to seventh of eight voxels are (1, 0, 1), (0, 1, 0) and (0, 0, 1); MONAI now takes others."""
    merging = PublishedMerging(dim=1)
    torch.nn.init.normal_(merging.norm.weight)
    block = torch.arange(8.0).reshape(1, 2, 2, 2, 1)  # voxel (i, j, k) holds 4i + 2j + k
    joined = torch.tensor([0.0, 4, 2, 1, 5, 2, 1, 7])
    scaled = (joined - joined.mean()) / (joined.var(unbiased=False) + 1e-5).sqrt() * merging.norm.weight
    expected = merging.reduction.weight @ (scaled + merging.norm.bias)
    torch.testing.assert_close(merging(block).flatten(), expected)
