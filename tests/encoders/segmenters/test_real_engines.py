"""The adapters against the packages themselves, where they are installed; the networks have random weights.

Expected masks come from the packages' own readers and writers, on the file as it is.
"""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from encoders.segmenters import registry

SIDES = ["kidney_left", "kidney_right"]
ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * 2,
        "strides": [[1, 1, 1], [2, 2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}


def result_folder(folder: Path, labels: dict[str, int], spacing: float, trainer: str) -> Path:
    """What nnU-Net v2 leaves after training, with a random network of two stages."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    resampling = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    function = "resample_data_or_seg_to_shape"
    configuration = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [24, 24, 24],
        "spacing": [spacing] * 3,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": function,
        "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg": function,
        "resampling_fn_seg_kwargs": resampling | {"is_seg": True},
        "resampling_fn_probabilities": function,
        "resampling_fn_probabilities_kwargs": resampling,
        "architecture": ARCHITECTURE,
        "batch_dice": False,
    }
    intensities = {"mean": 50.0, "std": 100.0, "percentile_00_5": -500.0, "percentile_99_5": 300.0}
    plans = {
        "dataset_name": "Dataset001_Test",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "NibabelIOWithReorient",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
    about = {
        "name": "Dataset001_Test",
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **labels},
        "file_ending": ".nii.gz",
        "numTraining": 1,
    }
    torch.manual_seed(0)
    classes = dict(ARCHITECTURE["arch_kwargs"].items())
    classes |= {
        "conv_op": torch.nn.Conv3d,
        "norm_op": torch.nn.InstanceNorm3d,
        "nonlin": torch.nn.LeakyReLU,
    }
    network = PlainConvUNet(1, num_classes=len(labels) + 1, deep_supervision=False, **classes)
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(about))
    checkpoint = {
        "network_weights": network.state_dict(),
        "trainer_name": trainer,
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return folder


def save(volume, path: Path) -> Path:
    nib.save(nib.Nifti1Image(volume.hu, volume.geometry.affine), path)
    return path


def test_nnunet(kidneys, tmp_path):
    pytest.importorskip("nnunetv2")
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIOWithReorient
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    volume, _ = kidneys
    labels = {"kidney_left": 1, "kidney_right": 2}
    folder = result_folder(tmp_path / "m", labels, 2.0, "nnUNetTrainer")
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(folder), (0,))
    reader = NibabelIOWithReorient()
    image, properties = reader.read_images([str(save(volume, tmp_path / "ct.nii.gz"))])
    found = predictor.predict_single_npy_array(image, properties)
    reader.write_seg(found, str(tmp_path / "seg.nii.gz"), properties)
    expected = np.asanyarray(nib.load(tmp_path / "seg.nii.gz").dataobj)
    masks = registry.load(f"nnunet:{folder}").segment(volume, SIDES)
    for name, value in labels.items():
        assert (expected == value).any()
        assert np.array_equal(masks[name].full(), expected == value)


class Between(torch.nn.Module):
    """In place of VoxTell's network, which has 192^3 patches: bright between the first two numbers of a text."""

    def __init__(self, **options):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image, text):
        low, high = (text[0, :, n, None, None, None] for n in (0, 1))
        return torch.where((image[:, 0] > low) & (image[:, 0] < high), 1.0, -1.0)[None]


def test_voxtell(kidneys, tmp_path, monkeypatch):
    """The package's predictor, its cropping, normalising and windows; only the network is replaced."""
    predictor = pytest.importorskip("voxtell.inference.predictor")
    monkeypatch.setattr(predictor, "VoxTellModel", Between)
    volume, truth = kidneys
    (tmp_path / "m" / "fold_0").mkdir(parents=True)
    configuration = {
        "patch_size": [16, 16, 16],
        "architecture": {"arch_kwargs": {}, "_kw_requires_import": []},
    }
    (tmp_path / "m" / "plans.json").write_text(json.dumps({"configurations": {"3d_fullres": configuration}}))
    torch.save(
        {"network_weights": Between().state_dict()}, tmp_path / "m" / "fold_0" / "checkpoint_final.pth"
    )
    hu = volume.hu.astype(np.float32)
    low, middle, high = ((n - hu.mean()) / hu.std() for n in (60, 150, 250))
    vectors = np.zeros((2, 2560), np.float16)
    vectors[:, :2] = [[middle, high], [low, middle]]
    np.savez(tmp_path / "bank.npz", labels=np.array(["left kidney", "right kidney"]), embeddings=vectors)
    told = []
    segmenter = registry.load(f"voxtell:{tmp_path / 'm'}?bank={tmp_path / 'bank.npz'}")
    masks = segmenter.segment(volume, SIDES, lambda done, what: told.append(done))
    for name in SIDES:
        assert np.array_equal(masks[name].full(), truth[name])
    assert len(told) > 3


@pytest.mark.parametrize("kidneys", ["oblique"], indirect=True)  # minutes: it starts processes
def test_totalsegmentator(kidneys, tmp_path, monkeypatch):
    """Its fast mode, with random weights where the package looks for those that it downloads."""
    pytest.importorskip("totalsegmentator")
    from totalsegmentator.map_tasks_config import TASK_CONFIGS, TASK_ID_WEIGHTS_CONFIGS
    from totalsegmentator.map_to_binary import class_map

    mode = TASK_CONFIGS["total"]["sub_modes"]["fast"]
    dataset = TASK_ID_WEIGHTS_CONFIGS[mode["task_id"]]["foldername"]
    names = {name: value for value, name in class_map["total"].items()}
    weights = tmp_path / "weights"
    trained = weights / dataset / f"{mode['trainer']}__nnUNetPlans__3d_fullres"
    result_folder(trained, names, mode["resample"], mode["trainer"])
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(weights))
    monkeypatch.setenv("HOME", str(tmp_path))
    volume, _ = kidneys
    segmenter = registry.load("totalsegmentator:fast")
    masks = segmenter.segment(volume, sorted(segmenter.supported()))
    assert sum(mask.present for mask in masks.values()) > 1
    assert not (tmp_path / ".totalsegmentator").exists()

    home = tmp_path / "home"  # the package itself, on the file as it is
    home.mkdir()
    settings = {"totalseg_id": "", "send_usage_stats": False, "prediction_counter": 0}
    (home / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(home))
    from totalsegmentator.python_api import totalsegmentator

    file = save(volume, tmp_path / "ct.nii.gz")
    found = totalsegmentator(file, None, ml=True, fast=True, quiet=True, device="cpu", skip_saving=True)
    expected = np.asanyarray(found.dataobj)
    for name, mask in masks.items():
        values = segmenter.table.values[name]
        assert np.array_equal(mask.full(), np.isin(expected, values)), name
