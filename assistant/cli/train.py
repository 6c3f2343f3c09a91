"""bodymaps train: a model from a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout
from encoders.errors import BodyMapsError

app = typer.Typer(add_completion=False)


@app.command()
def train(
    recipes: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE...", help="YAML files, or names of the project's recipes."),
    ],
    data: Annotated[Path, typer.Option(help="The folder that the recipe's paths are relative to.")],
    out: Annotated[
        Path | None, typer.Option(help="Where state, log and weights go; default: runs/NAME.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Train to this step instead of the recipe's.")] = None,
    repeat: Annotated[
        bool,
        typer.Option("--repeat", help="Train every stage before from the data, also where weights are kept."),
    ] = False,
) -> None:
    """Train a universal model. Stop it with Ctrl-C; the same command goes on from there."""
    from encoders.learning.train import train as run

    if not data.is_dir():
        raise BodyMapsError(f"--data {data} is not a folder: give the folder of the training data")
    if len(recipes) > 1 and (out or steps):
        raise BodyMapsError("--out and --steps are for one recipe: give one, or leave them out")
    with clean_stdout() as stdout:
        try:
            for recipe in recipes:
                print(run(recipe, data, out, steps, repeat), file=stdout)
        except KeyboardInterrupt:
            print("bodymaps: stopped; the same command goes on from the last saved step", file=sys.stderr)
            raise typer.Exit(130) from None
