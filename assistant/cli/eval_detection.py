"""bodymaps eval detection: are lesions found, and how many are false?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import SegmenterSpec, clean_stdout, structure_ids
from encoders.errors import BodyMapsError
from encoders.files import save_json

TARGETS = ["liver", "kidneys", "pancreas", "lungs", "colon"]


def detection(
    dataset: Annotated[Path, typer.Argument(help="A folder of cases, as of `eval segmentation`.")],
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target", "-t", help="A lesion, or an organ for any lesion in it; default: what can be found."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("detection.json"),
    segmenter: SegmenterSpec = "embedded",
    predictions: Annotated[
        Path | None, typer.Option(help="Score these masks, CASE/LESION.nii.gz, and run no model.")
    ] = None,
) -> None:
    """Patient-level sensitivity and specificity, lesions found by size, false positives a scan."""
    from encoders.segmenters.registry import load
    from eval.detection import evaluate, table
    from eval.predictions import of_folder, of_segmenter

    for folder in (dataset, predictions):
        if folder is not None and not folder.is_dir():
            raise BodyMapsError(f"{folder} is not a folder: give a folder of cases")
    with clean_stdout() as stdout:
        predict = of_folder(predictions, None) if predictions else of_segmenter(load(segmenter))
        source = str(predictions) if predictions else segmenter
        result = {"source": source, **evaluate(predict, dataset, structure_ids(targets or TARGETS))}
        save_json(result, out)
        print(table(result), file=stdout)
