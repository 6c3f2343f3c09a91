"""bodymaps convert: published checkpoints into safetensors, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.common import clean_stdout, structure_ids
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
        Path | None, typer.Option(help="Text embeddings: to compare with, or for a checkpoint that has none.")
    ] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option(
            help="Compare the embeddings with those of openclip[:NAME], biomedclip or transformers:NAME."
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(help="A structure to add as a class, by its text alone; needs --text-encoder."),
    ] = None,
    json_report: Annotated[
        Path | None, typer.Option("--report", help="Write the report of keys here.")
    ] = None,
) -> None:
    """Convert a Universal Model checkpoint; every key must fit its layout. Or compare its text, or add classes."""
    from encoders.files import save_json
    from encoders.published.checkpoints import load, read_embedding, save, saved_order
    from encoders.published.classes import class_order, orders, usual_order
    from encoders.published.extend import by_text, compare_table, compare_text
    from encoders.text import load_text_encoder

    if target.suffix not in SUFFIXES:
        raise BodyMapsError(f"cannot write '{target.name}': give a name that ends in {', '.join(SUFFIXES)}")
    new = structure_ids(add or ())
    if new and text_encoder is None:
        raise BodyMapsError("--add needs --text-encoder: the one that wrote the checkpoint's embeddings")
    with clean_stdout() as stdout:
        model, report = load(source, txt_encoding)
        order = classes or saved_order(source)
        ids = class_order(model.layout.classes, order)
        if order not in orders():  # a list of names travels as the ids themselves
            order = usual_order(model.layout.classes) if order is None else "\n".join([*ids, ""])
        about: dict[str, Any] = {}
        if txt_encoding is not None:
            about["txt_encoding"] = compare_table(model, ids, read_embedding(txt_encoding))
        if text_encoder is not None:
            encoder = load_text_encoder(text_encoder)
            about["text"] = compare_text(model, ids, encoder)
            if new:
                model, ids = by_text(model, ids, new, encoder)
                order = "\n".join([*ids, ""])
        save(model, target, order)
        if json_report is not None:
            save_json({**report.to_dict(), "classes": list(ids), **about}, json_report)
        line = {"written": str(target), "report": str(report), "classes": len(ids)}
        if about:
            last = about.get("text") or about["txt_encoding"]
            line |= {key: last[key] for key in ("same", "least_cosine", "least_like")}
        print(json.dumps(line), file=stdout)
