"""bodymaps synthesize: CTs with planted lesions and their masks."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.common import Bar, SegmenterSpec, StudyPath, clean_stdout, structure_ids
from encoders.errors import BodyMapsError
from encoders.files import replacing

if TYPE_CHECKING:
    import numpy as np

    from assistant.study import Study

app = typer.Typer(add_completion=False)

ORGANS = ["liver", "kidney_left", "kidney_right"]


@app.command()
def synthesize(
    study: StudyPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="An empty or new folder for the cases.")],
    organs: Annotated[
        list[str], typer.Option("--organ", help="Where lesions go; repeat for several.")
    ] = ORGANS,
    count: Annotated[int, typer.Option("-n", min=1, help="How many CTs with lesions.")] = 4,
    controls: Annotated[int, typer.Option(min=0, help="How many more without any.")] = 0,
    lesions: Annotated[int, typer.Option(min=1, help="How many lesions an organ.")] = 2,
    smallest: Annotated[float, typer.Option(min=3, help="Smallest diameter, mm.")] = 5,
    largest: Annotated[float, typer.Option(max=100, help="Largest diameter, mm.")] = 40,
    shapes: Annotated[
        Path | None, typer.Option(help="An .npz file of real lesion masks; default: ellipsoids.")
    ] = None,
    held_out: Annotated[bool, typer.Option(help="Of the file, only the shapes kept from training.")] = False,
    masks: Annotated[
        Path | None, typer.Option(help="A folder with ORGAN.nii.gz; default: the segmenter's masks.")
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(
            help="A mask of lesions that the CT has already: none is planted there, and `eval` counts them neither way."
        ),
    ] = None,
    segmenter: SegmenterSpec = "embedded",
    seed: Annotated[int, typer.Option(help="The same seed gives the same cases.")] = 0,
) -> None:
    """Plant lesions in a CT. Each case is a folder with ct.nii.gz and a mask per kind of lesion; cases with and
    without lesions come in random order, and lesions.csv is the key.
    """
    if largest < smallest:
        raise BodyMapsError(
            f"--largest {largest:g} is below --smallest {smallest:g}: give the larger one there"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BodyMapsError(f"{out} is not an empty folder: choose another for --out")
    from encoders.learning.examples import host_of
    from encoders.learning.lesion_shapes import load_shapes

    ids = structure_ids(organs)
    for organ in ids:
        host_of(organ)
    real = load_shapes(shapes, held_out) if shapes else ()
    import numpy as np

    from assistant.study import open_study
    from eval.dataset import read_mask

    with clean_stdout() as stdout:
        opened = open_study(study)
        hosts = _from_folder(masks, ids, opened) if masks else _from_segmenter(segmenter, ids, opened)
        kept = read_mask(own, opened.volume.shape) if own else None
        rng = np.random.default_rng(seed)
        full = rng.permutation(count + controls) < count
        rows: list[dict[str, object]] = []
        with Bar() as bar:
            for number, with_lesions in enumerate(full, start=1):
                bar.progress((number - 1) / len(full), f"case {number} of {len(full)}")
                diameters = np.exp(rng.uniform(np.log(smallest), np.log(largest), (len(ids), lesions)))
                wanted = [(o, float(d)) for o, row in zip(ids, diameters, strict=True) for d in row]
                planted = wanted if with_lesions else []
                rows += _case(opened, hosts, planted, rng, real, kept, out / f"case_{number:03}")
        _key(rows, out / "lesions.csv")
        print(f"{len(full)} cases with {len(rows)} lesions in {out}", file=stdout)


def _case(study: Study, hosts, wanted, rng, shapes, own, folder: Path) -> list[dict[str, object]]:
    from assistant.study.save import save_array, save_mask
    from encoders.learning.examples import plant_examples
    from eval.dataset import OWN_LESIONS

    volume, found, made = plant_examples(study.volume, hosts, wanted, rng, shapes, own)
    save_array(volume.hu, study, folder / "ct.nii.gz")
    if own is not None:
        save_mask(own, study, folder / f"{OWN_LESIONS}.nii.gz")
    for name, mask in found.items():
        save_mask(mask, study, folder / f"{name}.nii.gz")
    return [{"case": folder.name, **asdict(e), "box": [list(e.box.start), list(e.box.stop)]} for e in made]


def _from_segmenter(spec: str, ids: list[str], study: Study) -> dict[str, np.ndarray]:
    """Masks of the organs that the segmenter finds; those that it does not find get no lesions."""
    from encoders.segmenters.registry import load

    model = load(spec)
    cannot = [name for name in ids if name not in model.supported()]
    if cannot:
        raise BodyMapsError(f"{spec} cannot segment {', '.join(cannot)}: give masks with --masks")
    with Bar() as bar:
        found = model.segment(study.volume, ids, bar.progress)
    return {name: mask.full() for name, mask in found.items()}


def _from_folder(folder: Path, ids: list[str], study: Study) -> dict[str, np.ndarray]:
    from eval.dataset import read_mask

    hosts = {}
    for name in ids:
        path = folder / f"{name}.nii.gz"
        if not path.is_file():
            raise BodyMapsError(f"{path} is missing: --masks takes a folder with a mask per organ")
        hosts[name] = read_mask(path, study.volume.shape)
    return hosts


def _key(rows: list[dict[str, object]], path: Path) -> None:
    fields = ["case", "lesion", "organ", "kind", "diameter_mm", "mean_hu", "box"]
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)
