"""MONAI bundles: `bundle:DIR[?names=FILE]`."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.segmenters.base import Progress
from encoders.segmenters.engines import LabelMapSegmenter, needed, own_names
from encoders.segmenters.names import LabelTable, label_table
from encoders.volume import Volume

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

INFERENCE = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")


class BundleSegmenter(LabelMapSegmenter):
    """A bundle's own preprocessing, network, inferer and postprocessing; its transforms that save files are left out.

    The parts are found by the names that the bundle specification recommends. names: a YAML file with the meanings of
    its channels, where their names in metadata.json do not say it.
    """

    engine = "bundle"

    def __init__(self, folder: Path, names: str | None = None) -> None:
        needed(folder, "configs/metadata.json", "models/model.pt")
        self.name = f"bundle {folder.resolve().name}"
        self._folder, self._own = folder, own_names(names)
        found = [path for name in INFERENCE if (path := folder / name).is_file()]
        if not found:
            raise BodyMapsError(f"no {INFERENCE[0]} in '{folder}': give the folder of the bundle")
        self._inference = found[0]

    @cached_property
    def _format(self) -> dict[str, Any]:
        """`network_data_format` of metadata.json."""
        try:
            about = json.loads((self._folder / "configs/metadata.json").read_text(encoding="utf-8"))
            return {kind: dict(about["network_data_format"][kind]) for kind in ("inputs", "outputs")}
        except (ValueError, KeyError, TypeError) as error:
            raise BodyMapsError(
                f"the bundle's metadata.json has no readable network_data_format: {error}"
            ) from error

    @cached_property
    def table(self) -> LabelTable:
        output: dict[str, Any] = next(iter(self._format["outputs"].values()), {})
        channels = {str(name): int(value) for value, name in dict(output.get("channel_def", {})).items()}
        if not channels:
            raise BodyMapsError("the bundle's metadata.json names no output channels (channel_def)")
        if len(channels) == 1 and 0 in channels.values():  # one sigmoid: its mask is 1
            channels = dict.fromkeys(channels, 1)
        return label_table({name: (value,) for name, value in channels.items()}, own=self._own)

    def _parser(self) -> ConfigParser:
        from monai.bundle import ConfigParser

        from encoders.device import device

        parser = ConfigParser()
        parser.read_config(str(self._inference))
        parser.read_meta(str(self._folder / "configs/metadata.json"))
        parser["bundle_root"] = str(self._folder.resolve())
        parser["device"] = f"$torch.device('{device()}')"
        for name in ("preprocessing", "postprocessing"):
            transforms = (parser.get(name) or {}).get("transforms")
            if isinstance(transforms, list):
                parser[f"{name}#transforms"] = [
                    t
                    for t in transforms
                    if not str(t.get("_target_", "")).split(".")[-1].startswith("SaveImage")
                ]
        parser.parse()
        absent = [name for name in ("preprocessing", "network_def", "inferer") if name not in parser]
        if absent:
            raise BodyMapsError(f"{self._inference.name} of the bundle has no '{absent[0]}'")
        return parser

    @cached_property
    def _parts(self) -> dict[str, Any]:
        from encoders.device import device
        from encoders.published.checkpoints import read
        from encoders.published.keys import unwrap

        parser = self._parser()
        network = parser.get_parsed_content("network_def")
        network.load_state_dict(unwrap(read(self._folder / "models/model.pt")))
        post = (
            parser.get_parsed_content("postprocessing") if "postprocessing" in parser else (lambda data: data)
        )
        return {
            "pre": parser.get_parsed_content("preprocessing"),
            "network": network.to(device()).eval(),
            "inferer": parser.get_parsed_content("inferer"),
            "post": post,
        }

    def read(self, volume: Volume, scratch: Path, report: Progress) -> npt.NDArray:
        import nibabel as nib
        import torch
        from monai.data import MetaTensor

        from encoders.device import device

        canonical = volume.canonical()
        path = scratch / "ct.nii"
        nib.save(nib.Nifti1Image(np.ascontiguousarray(canonical.hu), canonical.geometry.affine), path)
        image, pred = next(iter(self._format["inputs"])), next(iter(self._format["outputs"]))
        parts = self._parts
        with torch.inference_mode():
            data = parts["pre"]({image: str(path)})
            report(0.1, f"{self.name} reads the scan")
            batch = data[image][None].to(device())
            data[pred] = parts["inferer"](inputs=batch, network=parts["network"])[0].cpu()
            report(0.9, f"{self.name} draws")
            found = parts["post"](data)[pred]
        if not isinstance(found, MetaTensor):
            found = MetaTensor(found, affine=data[image].affine)
        return _on_grid(_discrete(found), canonical.geometry)


def _discrete(found):
    """Labels or masks, as a MetaTensor (C, X, Y, Z): several channels of logits are told from masks by their values."""
    values = found.as_tensor()
    if bool((values == values.round()).all() & (values >= 0).all()):
        return found
    raise BodyMapsError("the bundle's postprocessing leaves logits or probabilities: it must discretise them")


def _on_grid(found, grid: Geometry) -> npt.NDArray:
    """(X, Y, Z) labels, or (C, X, Y, Z) masks, on the grid: as they are, or by the nearest voxel."""
    import torch
    from monai.transforms import SpatialResample

    x, y, z = found.shape[1:]
    if not Geometry((x, y, z), found.affine.numpy()).same_grid(grid):
        resample = SpatialResample(mode="nearest", padding_mode="zeros", dtype=np.float32)
        found = resample(found, dst_affine=torch.from_numpy(np.array(grid.affine)), spatial_size=grid.shape)
    array = found.as_tensor().numpy()
    return array[0].astype(np.int32) if len(array) == 1 else array > 0
