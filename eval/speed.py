"""`bodymaps eval speed`: a published model as this project runs it, beside the reference procedure.

Both ways run in processes of their own, one after the other, from the CT's file to masks on its grid; each reports its
wall time and the peak of its memory. The reference procedure decodes all classes in float32 over windows that overlap
by a half, with MONAI's transforms and sliding window and the published grouped convolutions. Where the published code
is slower than it must be (bringing masks back to the study's grid, post-processing), it is given ours; writing files is
left out on both sides. The fast way runs under the memory settings that the command line sets; the reference does not.

The whole CT takes the reference over an hour on two cores. With `every`, both networks run on every n-th window only,
the same ones, and the windows between get the last result again: reading, buffers, blending and masks are those of
the whole CT, so that the peak of memory is too; the missing seconds are added at the mean of the windows that ran.
Processor seconds, summed over the cores, are counted beside the clock's: others on the machine disturb them less.
"""

from __future__ import annotations

import copy
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.errors import BodyMapsError
from encoders.geometry import Box
from encoders.volume import Volume
from eval.scores import dice
from eval.tables import markdown

if TYPE_CHECKING:
    from torch import Tensor

    from encoders.published.inference import Prepared
    from encoders.published.model import PublishedModel
    from encoders.segmenters.universal import UniversalSegmenter

WAYS = ("fast", "reference")
TARGETS = ("liver", "spleen")


def measure_speed(
    study: Path,
    folder: Path,
    weights: Path | None = None,
    targets: Sequence[str] = TARGETS,
    window: int = 96,
    every: int = 1,
) -> dict[str, Any]:
    """Runs both ways and compares them.

    folder: for what the two processes leave. weights: a checkpoint; None for random weights of the full U-Net.
    window: the windows' side in voxels. every: the networks run on every n-th window; 1 for all.
    """
    checkpoint = weights or random_checkpoint(folder / "random_unet.pth")
    job = {
        "study": str(study),
        "weights": str(checkpoint),
        "targets": list(targets),
        "window": window,
        "every": every,
    }
    runs = {way: _run(way, job, folder) for way in WAYS}
    masks = {way: np.load(folder / f"{way}.npz") for way in WAYS}
    agreement = {
        name: {
            "thresholded": dice(masks["fast"][f"raw_{name}"], masks["reference"][f"raw_{name}"]),
            "post-processed": dice(masks["fast"][name], masks["reference"][name]),
        }
        for name in targets
    }
    fast, reference = runs["fast"], runs["reference"]
    return {
        **job,
        "weights": str(weights) if weights else "random",
        "runs": runs,
        "times_faster": reference["seconds"] / fast["seconds"],
        "times_less_cpu": reference["cpu_seconds"] / fast["cpu_seconds"],
        "memory_share": fast["peak_mb"] / reference["peak_mb"],
        "dice": agreement,
        "cpus": os.cpu_count(),
    }


def table(result: dict[str, Any]) -> str:
    """The result for the terminal."""
    rows = [
        [
            way,
            run["classes"],
            f"{run['ran']} of {run['windows']}",
            *(run[key] for key in ("seconds", "cpu_seconds", "peak_mb")),
        ]
        for way, run in result["runs"].items()
    ]
    lines = [markdown(["way", "classes", "windows run", "seconds", "processor seconds", "peak MB"], rows), ""]
    if result["every"] > 1:
        lines.append("Seconds of the windows that did not run are added at the mean of those that did.\n")
    lines.append(
        f"{result['times_faster']:.2f} times faster, {result['times_less_cpu']:.2f} times less processor time, "
        f"{result['memory_share']:.2f} of the memory, 1 study, {result['weights']} weights"
    )
    agreement = [[name, *values.values()] for name, values in result["dice"].items()]
    return "\n".join(
        [*lines, "", markdown(["Dice of both ways", "thresholded", "post-processed"], agreement)]
    )


def random_checkpoint(path: Path, seed: int = 0) -> Path:
    """A checkpoint in the published layout: the full U-Net with random weights."""
    import torch

    from encoders.published.checkpoints import save
    from encoders.published.model import Layout, PublishedModel

    torch.manual_seed(seed)
    save(PublishedModel(Layout("unet", 32)), path)
    return path


def _run(way: str, job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One way in a process of its own."""
    from assistant.cli.allocator import GUARD, SETTINGS

    plain = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    environment = plain | (SETTINGS if way == "fast" else {}) | {GUARD: "1"}
    command = [sys.executable, "-m", "eval.speed", way, json.dumps(job), str(folder)]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise BodyMapsError(f"the {way} way failed with status {done.returncode}: see the messages above")
    measured = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "wall_seconds": seconds, "seconds": seconds + measured["missing_seconds"]}


# -- in the process of one way


def main(way: str, job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Segments the study one way, leaves `<way>.npz` in the folder, returns what was measured."""
    from assistant.study import open_study
    from encoders.segmenters.universal import UniversalSegmenter

    volume = open_study(Path(job["study"])).volume
    segmenter = UniversalSegmenter(Path(job["weights"]), window=(job["window"],) * 3)
    targets = job["targets"]
    if way == "fast":
        network = Sampled(segmenter.model.encode, job["every"])
        segmenter.model.encode = network
        prepared, logits = segmenter.logits(volume, targets)
    else:
        reference = Reference(segmenter)
        network = Sampled(partial(grouped_logits, reference.model), job["every"])
        prepared, logits = reference.logits(volume, network)
    masks = segmenter.masks(targets if way == "fast" else list(logits), prepared, logits)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu = time.process_time()
    arrays: dict[str, Any] = {name: masks[name].full() for name in targets}
    arrays |= {f"raw_{name}": (logits[name] > 0).numpy() for name in targets}
    np.savez_compressed(folder / f"{way}.npz", **arrays)
    return {
        "classes": len(logits),
        "windows": network.calls,
        "ran": len(network.seconds),
        "missing_seconds": network.missing(network.seconds),
        "cpu_seconds": cpu + network.missing(network.cpu_seconds),
        "peak_mb": peak / (2**20 if sys.platform == "darwin" else 2**10),  # bytes there, kilobytes elsewhere
    }


class Sampled:
    """A network that runs on every n-th call; the calls between get a copy of the last result."""

    def __init__(self, network: Callable[[Tensor], Any], every: int) -> None:
        self._network, self._every = network, every
        self._last: Any = None
        self.calls = 0
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def __call__(self, part: Tensor) -> Any:
        if self.calls % self._every == 0:
            self._last = None  # does not stand beside the run's own memory
            start, cpu = time.perf_counter(), time.process_time()
            self._last = self._network(part)
            self.seconds.append(time.perf_counter() - start)
            self.cpu_seconds.append(time.process_time() - cpu)
        self.calls += 1
        return self._last if self._every == 1 else copy.deepcopy(self._last)

    def missing(self, seconds: Sequence[float]) -> float:
        """What the calls that did not run would have taken, at the mean of these."""
        return (self.calls - len(seconds)) * sum(seconds) / len(seconds)


class Reference:
    """The published procedure, step by step, all classes at once in float32."""

    def __init__(self, segmenter: UniversalSegmenter) -> None:
        from encoders.published.checkpoints import load

        self._segmenter = segmenter
        self.model, _ = load(segmenter.path)

    def logits(
        self, volume: Volume, network: Callable[[Tensor], Tensor]
    ) -> tuple[Prepared, dict[str, Tensor]]:
        """As `UniversalSegmenter.logits`, of every class of the model. network: a window to all its logits."""
        import torch
        from monai.inferers import sliding_window_inference

        prepared = published_preprocessing(volume)
        with torch.inference_mode():
            blended = sliding_window_inference(
                prepared.image[None, None],
                self._segmenter.window,
                1,
                network,
                overlap=0.5,
                mode="gaussian",
            )
        return prepared, dict(zip(self._segmenter.structures, blended[0], strict=True))


def published_preprocessing(volume: Volume) -> Prepared:
    """Orientation, spacing, intensities and foreground by MONAI's transforms."""
    import torch
    from monai.data import MetaTensor
    from monai.transforms import CropForeground, Orientation, ScaleIntensityRange, Spacing

    from encoders.published.inference import HU_RANGE, SPACING_MM, Prepared

    affine = torch.from_numpy(np.array(volume.geometry.affine))
    image: Any = MetaTensor(np.ascontiguousarray(volume.hu)[None].astype(np.float32), affine=affine)
    image = Orientation(axcodes="RAS", labels=None)(image)
    image = Spacing(pixdim=(SPACING_MM,) * 3, mode="bilinear")(image)
    image = ScaleIntensityRange(*HU_RANGE, 0.0, 1.0, clip=True)(image)
    x, y, z = image.shape[1:]
    crop = CropForeground(select_fn=lambda value: value > 0)
    start, stop = crop.compute_bounding_box(image)
    box = Box(tuple(int(n) for n in start), tuple(int(n) for n in stop))  # type: ignore[arg-type]
    canonical = volume.geometry.canonical()
    cut = image.as_tensor()[0][box.slices].contiguous()
    return Prepared(cut, box, (x, y, z), volume.geometry, canonical.spacing)


def grouped_logits(model: PublishedModel, part: Tensor) -> Tensor:
    """All classes' logits (1, C, D, H, W): the map repeated for every class, three grouped convolutions."""
    import torch
    import torch.nn.functional as F

    features = model.encode(part)
    heads = model.heads(features.image[0], model.embeddings())
    classes = len(heads)
    w1, w2, w3, b1, b2, b3 = heads.split([64, 64, 8, 8, 8, 1], 1)
    x = features.voxels.repeat(1, classes, 1, 1, 1)
    x = torch.relu(F.conv3d(x, w1.reshape(-1, 8, 1, 1, 1), b1.flatten(), groups=classes))
    x = torch.relu(F.conv3d(x, w2.reshape(-1, 8, 1, 1, 1), b2.flatten(), groups=classes))
    return F.conv3d(x, w3.reshape(-1, 8, 1, 1, 1), b3.flatten(), groups=classes)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]))))
