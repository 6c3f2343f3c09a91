import pytest
import torch

from encoders.checkpoints import load_model, read_config, save_model
from encoders.errors import BodyMapsError
from encoders.universal import ModelConfig, body_position
from encoders.vision import build_backbone
from encoders.vision.compact_unet import depth_to_space, space_to_depth


def test_depth_to_space_inverts_space_to_depth():
    x = torch.randn(2, 3, 4, 6, 8)
    folded = space_to_depth(x)
    assert folded.shape == (2, 24, 2, 3, 4)
    torch.testing.assert_close(depth_to_space(folded), x)


def test_backbone_shapes():
    backbone = build_backbone("compact_unet", in_channels=2, widths=(8, 16, 24), out_channels=16)
    bottleneck, full = backbone(torch.randn(1, 2, 16, 8, 24))
    assert bottleneck.shape == (1, 24, 2, 1, 3)
    assert full.shape == (1, 16, 16, 8, 24)


def test_unknown_backbone_names_the_known():
    with pytest.raises(ValueError, match="compact_unet"):
        build_backbone("resnet")


def test_windows_scale_hounsfield_units(tiny_model):
    hu = torch.tensor([-2000.0, -160.0, 40.0, 240.0, 0.0]).reshape(1, 5, 1, 1)
    image = tiny_model.image(hu, torch.zeros(1, 2, 5, 1, 1))
    assert image.shape == (1, 4, 5, 1, 1)
    assert image[0, 0, :, 0, 0].tolist() == [-1.0, -1.0, 0.0, 1.0, pytest.approx(-0.2)]
    assert image[0, 1, 4, 0, 0] == 0.0


def test_position_runs_across_the_body():
    position = body_position((2, 1), (6, 3), (8, 4, 3))
    assert position.shape == (2, 8, 4, 3)
    # the box's faces are at -1 and 1, its voxel centres just inside
    assert position[0, 2:6, 0, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert position[1, 0, 1:3, 0].tolist() == [-0.5, 0.5]
    assert (position[0, 6:] > 1).all()


def test_forward_decodes_only_what_is_asked(tiny_model):
    hu, position = torch.randn(1, 16, 12, 20) * 100, torch.zeros(1, 2, 16, 12, 20)
    every = tiny_model(hu, position, tiny_model.config.structures)
    one = tiny_model(hu, position, ["kidney_left"])
    assert every.shape == (1, 4, 16, 12, 20)
    torch.testing.assert_close(one, every[:, 2:3], atol=1e-5, rtol=0)


def test_checkpoint_round_trip(tiny_model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(tiny_model, path, {"step": 7})
    config, notes = read_config(path)
    assert config == tiny_model.config
    assert isinstance(config, ModelConfig)
    assert notes == {"step": 7}
    again = load_model(path)
    hu, position = torch.randn(1, 16, 12, 20) * 100, torch.zeros(1, 2, 16, 12, 20)
    difference = (again(hu, position, ["liver"]) - tiny_model(hu, position, ["liver"])).abs().max()
    assert difference < 0.05  # float16 weights


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(BodyMapsError, match="not a bodymaps model"):
        read_config(path)
