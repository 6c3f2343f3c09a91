"""Painted windows above real ones, as training sees them: `python docs/images/contact_sheet.py --data DIR`.

Writes `contact_sheet.png`: coronal middle slices in the soft-tissue window, lesions outlined in red.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

COLUMNS, ZOOM, GAP = 8, 2, 4
SHEET = Path(__file__).with_name("contact_sheet.png")


def tile(hu: torch.Tensor, lesions: torch.Tensor) -> np.ndarray:
    """A coronal slice, through the largest lesion when there is one: (height, width, 3) uint8, head up."""
    counts = (lesions > 0).sum((0, 2))
    row = int(counts.argmax()) if counts.any() else hu.shape[1] // 2
    grey = ((hu[:, row].clamp(-160, 240) + 160) / 400 * 255).byte().numpy()
    picture = np.repeat(grey[..., None], 3, -1)
    inside = lesions[:, row].numpy() > 0
    rim = inside & ~(
        np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    )
    picture[rim] = (255, 60, 60)
    return np.rot90(picture).repeat(ZOOM, 0).repeat(ZOOM, 1)


def main(
    data: Annotated[Path, typer.Option(help="The folder of the training data.")],
    recipe: Annotated[Path, typer.Option(help="Whose cases to show.")] = Path("embedded-fine.yaml"),
    out: Annotated[Path, typer.Option(help="The picture.")] = SHEET,
    seed: Annotated[int, typer.Option(help="The same seed gives the same picture.")] = 2,
) -> None:
    """Draw the sheet: two rows painted, two rows real."""
    from encoders.learning.lesion_shapes import load_shapes
    from encoders.learning.loading import load_cases, load_transplants
    from encoders.learning.recipe import read_recipe
    from encoders.learning.sampling import draw, fields
    from encoders.learning.synthesis import acquire, paint, recolour
    from encoders.learning.tumours import add_tumours
    from encoders.packages import cache_dir

    content = read_recipe(recipe)
    rng = np.random.default_rng(seed)
    spacing, window = content["model"]["spacing_mm"], tuple(content["model"]["window"])
    cases = load_cases(content["cases"], data, spacing, cache_dir() / "cases")
    cases += load_transplants(content["transplants"], cases, data, cache_dir() / "cases")
    shapes = load_shapes(data / content["tumours"]["shapes"])
    rows = []
    for painted in (True, True, False, False):
        pool = [case for case in cases if (case.hu is None) == painted]
        tiles = []
        for _ in range(COLUMNS):
            source = fields(pool[rng.integers(len(pool))], rng)
            names = source.case.names
            seen = draw(source, window, rng)
            if seen.hu is None:
                hu, strength = paint(seen, names, rng, blobs=False), 1.0
            else:
                hu, strength = recolour(seen.hu, seen, names, rng), 0.5
            hu, lesions = add_tumours(hu, seen.labels, names, spacing, rng, shapes)
            tiles.append(np.pad(tile(acquire(hu, rng, strength), lesions), ((0, GAP), (0, GAP), (0, 0))))
        rows.append(np.concatenate(tiles, 1))
    Image.fromarray(np.concatenate(rows)).save(out, optimize=True)


if __name__ == "__main__":
    typer.run(main)
