"""CT painted from a label map: Hounsfield units drawn per tissue and contrast phase, texture, contents, noise, blur.

The randomisation is wider than nature, so that the network learns shapes and neighbourhoods rather than grey values.
"""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from encoders.learning.sampling import Window


@cache
def _palette() -> dict[str, Any]:
    return yaml.safe_load(files("encoders.learning").joinpath("tissues.yaml").read_text())


@cache
def tissue(name: str) -> dict[str, Any]:
    """The first entry of `tissues.yaml` whose pattern fits the structure."""
    return next(t for t in _palette()["tissues"] if any(fnmatch(name, p) for p in t["match"]))


def noise(size: tuple[int, ...], scale: float, rng: np.random.Generator) -> Tensor:
    """Smooth Gaussian noise of unit variance with features of about `scale` voxels."""
    seed = torch.Generator().manual_seed(int(rng.integers(2**31)))
    coarse = [max(2, round(n / scale)) for n in size]
    field = torch.randn(1, 1, *coarse, generator=seed)
    if scale > 1:
        field = F.interpolate(field, size, mode="trilinear", align_corners=True)
    return field[0, 0] / field.std().clamp_min(1e-3)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian blur, `sigma` in voxels."""
    if sigma < 0.2:
        return image
    radius = max(1, round(3 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    data = image[None, None]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = len(x)
        pad = [0] * 6
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        data = F.conv3d(F.pad(data, pad, mode="replicate"), kernel.reshape(shape))
    return data[0, 0]


def smoothed(crop: Tensor) -> Tensor:
    """Mean over 3 x 3 x 3 voxels."""
    padded = F.pad(crop[None, None], (1,) * 6, mode="replicate")
    return F.avg_pool3d(padded, 3, 1)[0, 0]


def _bowel(base: Tensor, rim: Tensor, rng: np.random.Generator) -> Tensor:
    """Wall, and inside it gas that rises to the front, fluid, stool or oral contrast."""
    size = tuple(base.shape)
    upward = torch.linspace(-1, 1, size[1])[None, :, None]
    mixture = noise(size, 9, rng) + rng.uniform(0, 1.0) * upward
    gas = mixture > rng.normal(0.8, 0.6)
    content = torch.full(size, float(rng.uniform(-10, 100)))
    if rng.random() < 0.5:  # stool: a coarse mix of fat, gas specks and fluid
        content = noise(size, 2.5, rng) * rng.uniform(30, 120) - rng.uniform(0, 60)
    if rng.random() < 0.25:
        content = torch.full(size, float(rng.uniform(100, 450)))
    content = torch.where(gas, torch.full(size, float(rng.uniform(-1000, -850))), content)
    return torch.where(rim > rng.uniform(2.5, 6.0), content, base)


def _lung(base: Tensor, rng: np.random.Generator) -> Tensor:
    """Parenchyma denser towards the back, with vessels."""
    size = tuple(base.shape)
    backward = torch.linspace(1, -1, size[1])[None, :, None]
    vessels = noise(size, 1.7, rng) > rng.uniform(1.6, 2.4)
    base = base + backward * rng.uniform(0, 60)
    return torch.where(vessels, base + rng.uniform(300, 800), base)


def _rest(base: Tensor, depth: Tensor, rng: np.random.Generator) -> Tensor:
    """Unlabelled body: skin, subcutaneous fat of random thickness, then a patchwork of fat, muscle and vessels."""
    size = tuple(base.shape)
    fat = rng.uniform(-115, -80) + 8 * noise(size, 2, rng)
    layer = rng.uniform(2, 30) * (1 + 0.35 * noise(size, 24, rng))
    patch = noise(size, rng.uniform(3, 7), rng) + 0.7 * noise(size, 20, rng)
    inner = torch.where(patch > rng.normal(0.2, 0.5), base, fat)
    vessels = noise(size, 1.8, rng) > rng.uniform(1.9, 2.8)
    inner = torch.where(vessels, torch.full(size, float(rng.uniform(30, 180))), inner)
    skin = torch.full(size, float(rng.uniform(-20, 50)))
    return torch.where(depth < rng.uniform(1, 5), skin, torch.where(depth < layer, fat, inner))


def _medulla(window: Window, names: tuple[str, ...], rng: np.random.Generator) -> Tensor:
    """(X, Y, Z) Hounsfield units to add to kidneys: pyramids, darker than the cortex early and brighter late.

    Without them a kidney in an early phase looks full of tumours.
    """
    kidney = torch.tensor([tissue(name).get("fill") == "shell" for name in names])[window.labels]
    size = tuple(window.labels.shape)
    deep = kidney & (window.rim > rng.uniform(2, 8))
    pyramids = (noise(size, rng.uniform(3, 9), rng) - rng.uniform(-0.8, 0.6)).mul(4).clamp(0, 1)
    change = rng.uniform(-75, -15) if rng.random() < 0.75 else rng.uniform(10, 60)
    return blur(deep * pyramids * change, rng.uniform(0.3, 1.0))


def _blobs(hu: Tensor, inside: Tensor, rng: np.random.Generator) -> Tensor:
    """A few round lesions or cysts inside organs; the organ's label keeps them."""
    places = inside.nonzero()
    if not len(places):
        return hu
    hu = hu.clone()
    for _ in range(rng.integers(1, 5)):
        centre = places[rng.integers(len(places))]
        radii = rng.uniform(1.2, 7) * rng.uniform(0.7, 1.4, 3)
        reach = int(np.ceil(radii.max())) + 1
        low = (centre - reach).clamp_min(0)
        high = torch.minimum(centre + reach + 1, torch.tensor(hu.shape))
        window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        axes = [
            (torch.arange(int(a), int(b)) - c) / r
            for a, b, c, r in zip(low, high, centre, radii, strict=True)
        ]
        distance = sum(g**2 for g in torch.meshgrid(*axes, indexing="ij"))
        mask = (distance < 1) & inside[window]
        hu[window] += mask * float(rng.choice([rng.uniform(-110, -25), rng.uniform(25, 80)]))
    return hu


def paint(window: Window, names: tuple[str, ...], rng: np.random.Generator, blobs: bool = True) -> Tensor:
    """(X, Y, Z) Hounsfield units for a window's labels (`names[value]`).

    blobs: unlabelled round lesions inside organs; off where lesions are planted with labels.
    """
    size = tuple(window.labels.shape)
    phases = _palette()["phases"]
    phase = rng.choice(list(phases), p=list(phases.values()))
    jitter = rng.normal(0, 25) if rng.random() < 0.3 else 0.0
    means = np.zeros(len(names), np.float32)
    textures = np.zeros(len(names), np.float32)
    drawn: dict[int, float] = {}
    fills: dict[str, list[int]] = {}
    for value, name in enumerate(names):
        kind = tissue(name)
        low, high = kind[phase]
        # structures of one tissue share their draw, with a little of their own
        shared = drawn.setdefault(id(kind), rng.uniform(low, high))
        own = rng.normal(0, 0.08 * (high - low) + (abs(jitter) if rng.random() < 0.3 else 0))
        means[value], textures[value] = shared + own, kind["texture"] * rng.uniform(0.3, 1.5)
        fills.setdefault(kind.get("fill", "plain"), []).append(value)
    labels = window.labels
    base = torch.from_numpy(means)[labels] + torch.from_numpy(textures)[labels] * noise(
        size, rng.uniform(1.5, 4), rng
    )

    def of(fill: str) -> Tensor:
        table = torch.zeros(len(names), dtype=torch.bool)
        table[fills.get(fill, [])] = True
        return table[labels]

    hu = base
    hu = torch.where(of("rest"), _rest(base, window.depth, rng), hu)
    hu = torch.where(of("bowel"), _bowel(base, window.rim, rng), hu)
    hu = torch.where(of("lung"), _lung(base, rng), hu)
    cortex = window.rim < rng.uniform(2, 5)
    hu = torch.where(of("bone") & cortex, base + rng.uniform(100, 650), hu)
    kidneys = of("shell")
    hu = torch.where(kidneys & (window.rim < rng.uniform(5, 12)), hu + rng.uniform(-10, 70), hu)
    if rng.random() < 0.5:
        hu = hu + _medulla(window, names, rng)
    if rng.random() < 0.4:  # sediment or excreted contrast lies at the back
        backward = torch.linspace(1, -1, size[1])[None, :, None]
        hu = torch.where(of("layered") & (backward > rng.uniform(-0.3, 0.6)), hu + rng.uniform(20, 250), hu)
    if blobs and rng.random() < 0.5:
        hu = _blobs(hu, of("plain") | kidneys, rng)
    return hu


def acquire(hu: Tensor, rng: np.random.Generator, strength: float = 1.0) -> Tensor:
    """What a scanner adds: partial volume and reconstruction kernel, noise, slow shading."""
    hu = blur(hu, rng.uniform(0, 0.8) * strength)
    if rng.random() < 0.25 * strength:  # thick slices
        factor = int(rng.integers(2, 4))
        thick = F.avg_pool3d(hu[None, None], (1, 1, factor), ceil_mode=True)
        hu = F.interpolate(thick, tuple(hu.shape), mode="trilinear")[0, 0]
    grain = rng.exponential(12) * strength
    hu = hu + grain * blur(noise(tuple(hu.shape), 1, rng), rng.uniform(0, 0.7))
    return hu + rng.normal(0, 4) * noise(tuple(hu.shape), 40, rng)


def in_phase(hu: Tensor, window: Window, names: tuple[str, ...], rng: np.random.Generator) -> Tensor:
    """A real CT with what `enhances` (`tissues.yaml`) at the median grey values of a contrast phase drawn for it.

    Few CTs show few phases: a network that saw no spleen above 130 HU takes a brighter one for a full stomach.
    """
    phases = _palette()["phases"]
    phase = rng.choice(list(phases), p=list(phases.values()))
    shift = torch.zeros(len(names))
    soft = (hu > -60) & (hu < 600)
    for value in np.unique(window.labels[soft].numpy()):
        kind = tissue(names[value])
        if kind.get("enhances"):
            own = hu[soft & (window.labels == int(value))]
            shift[value] = float(rng.uniform(*kind[phase])) - own.median()
    return hu + blur(torch.where(soft, shift[window.labels], 0.0), 0.6)


def refill(hu: Tensor, window: Window, names: tuple[str, ...], rng: np.random.Generator) -> Tensor:
    """A real CT with other contents drawn in some of its bowel; walls and the image's grain stay.

    The few stomachs seen hold the few meals seen: another meal is taken for the liver or the spleen.
    """
    grain = (hu - blur(hu, 1.0)).clamp(-40, 40)
    change = torch.zeros_like(hu)
    for value in window.labels.unique().tolist():
        if tissue(names[value]).get("fill") == "bowel" and rng.random() < 0.6:
            filled = _bowel(hu - grain, window.rim, rng) + grain
            change = torch.where(window.labels == value, filled - hu, change)
    return hu + blur(change, 0.6)


def recolour(hu: Tensor, window: Window, names: tuple[str, ...], rng: np.random.Generator) -> Tensor:
    """Grey-value variety for a real CT: another contrast in labelled structures, gain and offset overall."""
    if rng.random() < 0.3:
        hu = in_phase(hu, window, names, rng)
    elif rng.random() < 0.4:
        shift = torch.from_numpy(rng.normal(0, 35, len(names)).astype(np.float32))
        shift[torch.from_numpy(rng.random(len(names)) < 0.5)] = 0
        shift[0] = 0
        soft = (hu > -60) & (hu < 350)
        hu = hu + blur(torch.where(soft, shift[window.labels], 0.0), 0.6)
    if rng.random() < 0.35:
        hu = refill(hu, window, names, rng)
    if rng.random() < 0.6:
        hu = torch.where(hu > 20, hu + _medulla(window, names, rng), hu)
    if rng.random() < 0.7:
        gain = rng.uniform(0.85, 1.2)
        hu = torch.where(hu > -200, hu * gain + rng.normal(0, 10), hu)
    return hu
