"""bodymaps eval speed: a published model here, beside the reference procedure."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout, structure_ids
from encoders.errors import BodyMapsError


def speed(
    study: Annotated[str, typer.Argument(help="A CT, or `demo`.")] = "demo",
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("speed.json"),
    weights: Annotated[
        Path | None, typer.Option(help="A Universal Model checkpoint; default: random U-Net weights.")
    ] = None,
    structures: Annotated[
        list[str] | None, typer.Option("--structure", "-t", help="What the fast way is asked for.")
    ] = None,
    window: Annotated[int, typer.Option(min=16, help="Side of the windows in voxels of 1.5 mm.")] = 96,
    every: Annotated[
        int,
        typer.Option(min=1, help="Run the networks on every n-th window only, and extrapolate the seconds."),
    ] = 1,
) -> None:
    """Time and memory of asking for some classes, against all classes run as published.

    The whole demo CT takes over an hour on two cores; with --every 20 it is a matter of minutes.
    """
    from encoders.files import save_json
    from eval.speed import TARGETS, measure_speed, table

    targets = structure_ids(structures) if structures else list(TARGETS)
    for path in (weights,) if study == "demo" else (weights, Path(study)):
        if path is not None and not path.exists():
            raise BodyMapsError(f"there is no '{path}': give an existing file")
    with clean_stdout() as stdout, tempfile.TemporaryDirectory() as folder:
        if study == "demo":
            from assistant.demo import demo_study

            study = str(demo_study())
        result = measure_speed(Path(study), Path(folder), weights, targets, window, every)
        save_json(result, out)
        print(table(result), file=stdout)
