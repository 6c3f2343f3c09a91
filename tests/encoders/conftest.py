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
