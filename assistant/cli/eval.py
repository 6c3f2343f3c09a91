"""bodymaps eval: how good is it? One table on the terminal, one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import SegmenterSpec, clean_stdout
from assistant.cli.eval_detection import detection
from assistant.cli.eval_load import load
from assistant.cli.eval_page import page
from assistant.cli.eval_paraphrase import paraphrase
from assistant.cli.eval_prompts import prompts
from assistant.cli.eval_speed import speed
from encoders.errors import BodyMapsError
from encoders.files import save_json

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(detection)
app.command()(load)
app.command()(page)
app.command()(paraphrase)
app.command()(prompts)
app.command()(speed)


@app.callback()
def main() -> None:
    """Measure how good the models are."""


@app.command()
def segmentation(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A folder of cases, a data set (MSD, nnU-Net, BTCV, ...), several of them, or `demo`."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("segmentation.json"),
    segmenter: SegmenterSpec = "embedded",
    predictions: Annotated[
        Path | None, typer.Option(help="Score the masks in this folder instead of a segmenter's.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Also write the masks as label images with the data set's values here."),
    ] = None,
) -> None:
    """Score masks against references: Dice, NSD, HD95 and volume error, per case and structure."""
    from encoders.segmenters.registry import load
    from eval.leaderboard import collection, leaderboard
    from eval.segmentation import evaluate, evaluate_predictions, table

    folder = _demo() if str(dataset) == "demo" else dataset
    for given in (folder, predictions):
        if given is not None and not given.is_dir():
            raise BodyMapsError(f"{given} is not a folder: give a folder of cases, or `demo`")
    if predictions and export:
        raise BodyMapsError("--export writes what a segmenter finds: leave out --predictions")
    with clean_stdout() as stdout:
        several = collection(folder)
        results = []
        model = None if predictions else load(segmenter)
        for part in several or [folder]:
            name = part.name if several else ""
            if predictions:
                results.append(evaluate_predictions(predictions / name, part))
            elif model:
                results.append(evaluate(model, part, export / name if export else None))
        save_json({"datasets": results} if several else results[0], out)
        texts = [table(result) for result in results]
        print("\n\n".join(text for text in [*texts, leaderboard(results)] if text), file=stdout)


@app.command()
def quality(
    recipe: Annotated[Path, typer.Argument(help="The recipe that trained the weights, of the last pass.")],
    data: Annotated[Path, typer.Option(help="The folder of the training data.")],
    weights: Annotated[Path, typer.Option(help="The weights to measure.")],
    detail: Annotated[
        Path | None, typer.Option(help="Weights of the second pass. Default: the first pass alone.")
    ] = None,
    lesions: Annotated[Path | None, typer.Option(help="Weights of the third pass.")] = None,
    folds: Annotated[
        Path | None,
        typer.Option(help="Passes for cases that these were trained on: encoders/learning/folds.yaml."),
    ] = None,
    planted: Annotated[
        Path | None,
        typer.Option(
            help="Cases with planted lesions (`bodymaps synthesize`), on which what counts as one is chosen."
        ),
    ] = None,
    tested: Annotated[
        Path | None,
        typer.Option(help="More of them, in CTs that chose nothing: what is found there is measured."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("quality.json"),
) -> None:
    """Measure weights on the demo CT and on the recipe's held-out cases: the table that answers quote."""
    from eval.quality import markdown_of, measure_quality

    with clean_stdout() as stdout:
        closer = [path for path in (detail, lesions) if path is not None]
        table = measure_quality(weights, closer, recipe, data, _demo(), planted, tested, folds)
        save_json(table, out)
        print(markdown_of(table), file=stdout)


def _demo() -> Path:
    """The demo CT with all its reference meshes, in one folder."""
    from assistant.demo import demo, demo_references, demo_study

    meshes = [Path(name).stem for name in demo()["files"] if name.endswith(".stl")]
    demo_references(meshes)
    return demo_study().parent
