"""bodymaps pretrain: a backbone from CTs without labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout
from encoders.errors import BodyMapsError

app = typer.Typer(add_completion=False)


@app.command()
def pretrain(
    recipe: Annotated[Path, typer.Argument(help="A YAML file, or the name of one of the project's recipes.")],
    data: Annotated[Path, typer.Option(help="The folder that the recipe's paths are relative to.")],
    out: Annotated[
        Path | None, typer.Option(help="Where state, log and weights go; default: runs/NAME-genesis.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Train to this step instead of the recipe's.")] = None,
) -> None:
    """Pretrain a backbone by restoring spoilt CT windows (Models Genesis). A recipe's `init` takes the result."""
    from encoders.learning.genesis import pretrain as run

    if not data.is_dir():
        raise BodyMapsError(f"--data {data} is not a folder: give the folder of the training data")
    with clean_stdout() as stdout:
        try:
            print(run(recipe, data, out, steps), file=stdout)
        except KeyboardInterrupt:
            print("bodymaps: stopped; the same command goes on from the last saved step", file=sys.stderr)
            raise typer.Exit(130) from None
