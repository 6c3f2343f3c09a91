"""Stand-ins for the packages of other engines, with the packages' own names and signatures, and a CT to find in.

A stand-in finds what is brighter than 50 HU; the half nearer to the patient's left is the left kidney. It knows
sides by the convention that the package promises, so a wrong order of axes gives wrong sides or a wrong grid.
"""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.nifti1 import Nifti1Image

from encoders.volume import Volume
from eval.phantoms import grid

VALUES = {"kidney_left": 3, "kidney_right": 2}
GRIDS = {
    "RAS": {"shape": (34, 30, 26), "spacing": (2.0, 1.5, 3.0), "orientation": "RAS"},
    "flipped": {"shape": (34, 30, 26), "spacing": (2.0, 1.5, 3.0), "orientation": "LPS"},
    "permuted": {"shape": (26, 34, 30), "spacing": (3.0, 2.0, 1.5), "orientation": "SLA"},
    "oblique": {
        "shape": (34, 30, 26),
        "spacing": (2.0, 1.5, 3.0),
        "orientation": "LAS",
        "turn": (0.2, -0.15, 0.3),
    },
}


def sides(hu: np.ndarray) -> dict[str, np.ndarray]:
    """What is bright in an array whose first axis runs to the patient's right."""
    bright = hu > 50
    x = np.arange(hu.shape[0])[:, None, None]
    middle = np.nonzero(bright)[0].mean()
    return {"kidney_left": bright & (x < middle), "kidney_right": bright & (x > middle)}


@pytest.fixture(params=GRIDS)
def kidneys(request) -> tuple[Volume, dict[str, np.ndarray]]:
    """A CT with two bright blocks of unlike size, and the blocks' masks on its grid."""
    geometry = grid(**GRIDS[request.param])
    canonical = np.full(geometry.canonical().shape, -1000, np.int16)
    masks = {name: np.zeros(canonical.shape, bool) for name in VALUES}
    n, m, o = canonical.shape
    masks["kidney_left"][3:8, 4 : m // 2, 5:12] = True
    masks["kidney_right"][n - 9 : n - 4, m // 3 : m - 5, 4:9] = True
    canonical[2 : n - 2, 2 : m - 2, 2 : o - 2] = 20
    canonical[masks["kidney_left"]] = 200
    canonical[masks["kidney_right"]] = 100
    own = {name: geometry.from_canonical(mask) for name, mask in masks.items()}
    return Volume(np.ascontiguousarray(geometry.from_canonical(canonical)), geometry), own


# -- TotalSegmentator


def totalsegmentator(
    input: str | Path | Nifti1Image,
    output: str | Path | None = None,
    ml=False,
    nr_thr_resamp=1,
    nr_thr_saving=6,
    fast=False,
    nora_tag="None",
    preview=False,
    task="total",
    roi_subset=None,
    statistics: bool | str | Path = False,
    radiomics=False,
    crop_path=None,
    body_seg=False,
    force_split=False,
    output_type="nifti",
    quiet=False,
    verbose=False,
    test=0,
    skip_saving=False,
    device="gpu",
    license_number=None,
    statistics_exclude_masks_at_border=True,
    no_derived_masks=False,
    v1_order=False,
    fastest=False,
    roi_subset_robust=None,
    stats_aggregation="mean",
    remove_small_blobs=False,
    statistics_normalized_intensities=False,
    robust_crop=False,
    higher_order_resampling_LEGACY=False,
    higher_order_resampling=False,
    save_probabilities=None,
    debug=False,
    report=None,
    statistics_extra=False,
    save_lowres=False,
    resampling_order=1,
    plans="nnUNetPlans",
    model_size="big",
):
    """Writes settings and sets variables as the package does."""
    home = Path(os.environ.get("TOTALSEG_HOME_DIR", Path.home() / ".totalsegmentator"))
    home.mkdir(exist_ok=True)
    settings = home / "config.json"
    told = json.loads(settings.read_text()) if settings.exists() else {"send_usage_stats": True}
    settings.write_text(json.dumps(told))
    assert not told["send_usage_stats"], "usage statistics would leave the machine"
    os.environ["NNUNET_RESULTS"] = os.environ["TOTALSEG_WEIGHTS_PATH"]
    print("If you use this tool please cite")
    assert ml
    assert output is None
    assert device in ("cpu", "gpu")
    canonical = nib.as_closest_canonical(input)
    labels = np.zeros(input.shape, np.uint8)
    back = nib.orientations.ornt_transform(
        nib.io_orientation(canonical.affine), nib.io_orientation(input.affine)
    )
    for name, mask in sides(canonical.get_fdata()).items():
        if roi_subset is None or name in roi_subset:
            labels[nib.orientations.apply_orientation(mask, back)] = VALUES[name]
    return nib.Nifti1Image(labels, input.affine)


# -- VoxTell


class VoxTellPredictor:
    def __init__(
        self,
        model_dir: str | None = None,
        device: torch.device = torch.device("cuda"),  # noqa: B008 as there
        text_encoding_model: str = "Qwen/Qwen3-Embedding-4B",
        embedding_bank: str | dict[str, np.ndarray] | None = None,
        use_precomputed_embeddings: bool = True,
    ) -> None:
        assert Path(model_dir, "plans.json").is_file()
        self.bank, self.text = embedding_bank, text_encoding_model

    def predict_single_image(
        self,
        data: np.ndarray,
        text_prompts: str | list[str] | None = None,
        text_embeddings: torch.Tensor | None = None,
        progress_callback: Callable[[int, int], bool] | None = None,
    ) -> np.ndarray:
        """The package's reader gives RAS images with reversed axes: (1, z, y, x)."""
        assert data.ndim == 4
        found = {name: mask.T for name, mask in sides(data[0].T).items()}
        for done in (1, 2):
            if progress_callback is not None and progress_callback(done, 2) is False:
                raise RuntimeError("Inference cancelled by user.")
        names = {"left kidney": "kidney_left", "right kidney": "kidney_right"}
        empty = np.zeros(data.shape[1:], bool)
        return np.stack([found.get(names.get(p, ""), empty) for p in text_prompts]).astype(np.uint8)


# -- nnU-Net v2


class nnUNetPredictor:
    def __init__(
        self,
        tile_step_size: float = 0.5,
        use_gaussian: bool = True,
        use_mirroring: bool = True,
        perform_everything_on_device: bool = True,
        device: torch.device = torch.device("cuda"),  # noqa: B008 as there
        verbose: bool = False,
        verbose_preprocessing: bool = False,
        allow_tqdm: bool = True,
    ):
        self.configuration_manager = types.SimpleNamespace(previous_stage_name=None)

    def initialize_from_trained_model_folder(
        self,
        model_training_output_dir: str,
        use_folds: tuple[int | str] | None,
        checkpoint_name: str = "checkpoint_final.pth",
    ):
        folder = Path(model_training_output_dir)
        assert all((folder / f"fold_{fold}" / checkpoint_name).is_file() for fold in use_folds)
        self.labels = json.loads((folder / "dataset.json").read_text())["labels"]

    def predict_single_npy_array(
        self,
        input_image: np.ndarray,
        image_properties: dict,
        segmentation_previous_stage: np.ndarray = None,
        output_file_truncated: str | None = None,
        save_or_return_probabilities: bool = False,
    ):
        """Images are (channel, z, y, x), the spacing likewise."""
        assert input_image.ndim == 4
        assert image_properties["spacing"] == pytest.approx([3.0, 1.5, 2.0])
        found = np.zeros(input_image.shape[1:], np.uint8)
        for name, mask in sides(input_image[0].T).items():
            found[mask.T] = self.labels[name]
        return found


def module(monkeypatch, name: str, **content) -> None:
    """A module that can be imported and that `find_spec` knows, with its parents."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if path not in sys.modules or depth == len(parts):
            made = types.ModuleType(path)
            made.__path__ = []
            made.__spec__ = types.SimpleNamespace(name=path, submodule_search_locations=[])
            monkeypatch.setitem(sys.modules, path, made)
    for key, value in content.items():
        setattr(sys.modules[name], key, value)


@pytest.fixture
def stand_ins(monkeypatch) -> None:
    """The three packages, as stand-ins."""
    for package in ("totalsegmentator", "voxtell", "nnunetv2"):
        module(monkeypatch, package)
    classes = {VALUES["kidney_left"]: "kidney_left", VALUES["kidney_right"]: "kidney_right"}
    classes |= {1: "spleen", 23: "kidney_cyst_left", 24: "kidney_cyst_right"}
    module(monkeypatch, "totalsegmentator.map_to_binary", class_map={"total": classes})
    module(monkeypatch, "totalsegmentator.config", get_weights_dir=lambda: Path("/nowhere/results"))
    module(monkeypatch, "totalsegmentator.python_api", totalsegmentator=totalsegmentator)
    module(monkeypatch, "voxtell.inference.predictor", VoxTellPredictor=VoxTellPredictor)
    module(monkeypatch, "nnunetv2.inference.predict_from_raw_data", nnUNetPredictor=nnUNetPredictor)


# -- models on disk


def nnunet_folder(folder: Path, labels: dict | None = None, name: str = "Abdomen", channels: int = 1) -> Path:
    about = {
        "name": name,
        "channel_names": {str(n): "CT" for n in range(channels)},
        "labels": labels or {"background": 0, **VALUES, "phlogiston": 4},
        "file_ending": ".nii.gz",
    }
    (folder / "fold_0").mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(about))
    (folder / "plans.json").write_text("{}")
    (folder / "fold_0" / "checkpoint_final.pth").touch()
    return folder


def voxtell_folder(folder: Path) -> Path:
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text("{}")
    (folder / "fold_0" / "checkpoint_final.pth").touch()
    return folder


def bundle_folder(
    folder: Path,
    network: dict,
    state: dict[str, torch.Tensor],
    channels: dict[str, str],
    spacing: float | None = None,
    post: list[dict] | None = None,
) -> Path:
    """A bundle in the layout of MONAI's zoo; it also says that masks are to be saved, as bundles there do."""
    pre: list[dict] = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
    ]
    back: list[dict] = []
    if spacing:
        pre.append({"_target_": "Spacingd", "keys": "image", "pixdim": [spacing] * 3, "mode": "bilinear"})
        invert = {
            "keys": "pred",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": False,
        }
        back.append({"_target_": "Invertd", **invert, "to_tensor": True})
    discrete = post or [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]
    save = {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"}
    inference = {
        "imports": ["$import glob"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": pre},
        "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32], "overlap": 0.5},
        "postprocessing": {"_target_": "Compose", "transforms": [*back, *discrete, save]},
    }
    outputs = {"pred": {"type": "image", "format": "segmentation", "channel_def": channels}}
    about = {"network_data_format": {"inputs": {"image": {"type": "image"}}, "outputs": outputs}}
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    (folder / "configs" / "metadata.json").write_text(json.dumps(about | {"version": "0.1.0"}))
    torch.save(state, folder / "models" / "model.pt")
    return folder


def kidney_bundle(folder: Path, **options) -> Path:
    """A network that tells 200 HU from 100 HU from less; MONAI itself runs it."""
    weight = torch.tensor([0.0, 1.0, 2.0]).reshape(3, 1, 1, 1, 1)
    state = {"weight": weight, "bias": torch.tensor([0.0, -50.0, -200.0])}
    network = {"_target_": "torch.nn.Conv3d", "in_channels": 1, "out_channels": 3, "kernel_size": 1}
    channels = {"0": "background", "1": "right kidney", "2": "Kidney_Left"}
    return bundle_folder(folder, network, state, channels, **options)


MAKERS: dict[str, Callable[[Path], str]] = {
    "totalsegmentator": lambda folder: "totalsegmentator",
    "totalsegmentator:fast": lambda folder: "totalsegmentator:fast",
    "voxtell": lambda folder: f"voxtell:{voxtell_folder(folder)}",
    "bundle": lambda folder: f"bundle:{kidney_bundle(folder)}",
    "nnunet": lambda folder: f"nnunet:{nnunet_folder(folder)}",
}


@pytest.fixture(params=MAKERS)
def spec(request, tmp_path, stand_ins) -> str:
    """The spec of each engine in turn, with its model on disk."""
    return MAKERS[request.param](tmp_path / "model")


@pytest.fixture
def make() -> types.SimpleNamespace:
    """Models on disk: make.nnunet(folder, ...), make.voxtell(folder), make.bundle(...), make.kidney_bundle(folder)."""
    return types.SimpleNamespace(
        nnunet=nnunet_folder, voxtell=voxtell_folder, bundle=bundle_folder, kidney_bundle=kidney_bundle
    )
