import torch
from monai.networks.nets import SwinUNETR

from encoders.vision import build_backbone


def test_equals_monai():
    """MONAI's output layer on our full-resolution map gives MONAI's logits; only that layer is not ours."""
    torch.manual_seed(0)
    theirs = SwinUNETR(in_channels=1, out_channels=3, feature_size=12, spatial_dims=3).eval()
    ours = build_backbone("swin_unetr", feature_size=12).eval()
    state = theirs.state_dict()
    assert set(state) - set(ours.state_dict()) == {"out.conv.conv.weight", "out.conv.conv.bias"}
    ours.load_state_dict({k: v for k, v in state.items() if not k.startswith("out.")})
    image = torch.rand(1, 1, 64, 64, 64)
    with torch.inference_mode():
        bottleneck, full = ours(image)
        torch.testing.assert_close(theirs.out(full), theirs(image), atol=1e-4, rtol=0)
    assert bottleneck.shape == (1, 192, 2, 2, 2)
    assert (ours.bottleneck_channels, ours.feature_channels) == (192, 12)
