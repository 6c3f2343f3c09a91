"""bodymaps convert: published checkpoints into safetensors, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import clean_stdout
from encoders.errors import BodyMapsError

app = typer.Typer(add_completion=False)
SUFFIXES = (".safetensors", ".pth", ".pt")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A published checkpoint: .pth, .pt or .safetensors.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .safetensors, .pth or .pt.")],
    classes: Annotated[
        str | None, typer.Option(help="The order of its classes: a known name, or a file of class names.")
    ] = None,
    txt_encoding: Annotated[
        Path | None, typer.Option(help="Text embeddings, for a checkpoint that has none.")
    ] = None,
    json_report: Annotated[
        Path | None, typer.Option("--report", help="Write the report of keys here.")
    ] = None,
) -> None:
    """Convert a Universal Model checkpoint; every key must fit its layout."""
    from encoders.files import save_json
    from encoders.published.checkpoints import load, save, saved_order
    from encoders.published.classes import class_order, orders, usual_order

    if target.suffix not in SUFFIXES:
        raise BodyMapsError(f"cannot write '{target.name}': give a name that ends in {', '.join(SUFFIXES)}")
    with clean_stdout() as stdout:
        model, report = load(source, txt_encoding)
        order = classes or saved_order(source)
        ids = class_order(model.layout.classes, order)
        if order not in orders():  # a list of names travels as the ids themselves
            order = usual_order(model.layout.classes) if order is None else "\n".join([*ids, ""])
        save(model, target, order)
        if json_report is not None:
            save_json({**report.to_dict(), "classes": list(ids)}, json_report)
        print(json.dumps({"written": str(target), "report": str(report), "classes": len(ids)}), file=stdout)
