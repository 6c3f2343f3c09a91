"""bodymaps eval: how good is it? One table on the terminal, one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import SegmenterSpec, clean_stdout
from assistant.cli.eval_detection import detection
from assistant.cli.eval_paraphrase import paraphrase
from assistant.cli.eval_prompts import prompts
from assistant.cli.eval_speed import speed
from encoders.errors import BodyMapsError
from encoders.files import save_json

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(detection)
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
        typer.Argument(help="A folder of cases (ct.nii.gz and masks or STL meshes), or `demo`."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("segmentation.json"),
    segmenter: SegmenterSpec = "embedded",
) -> None:
    """Score masks against references: Dice, NSD at 2 mm and volume error, per case and structure."""
    from encoders.segmenters.registry import load
    from eval.segmentation import evaluate, table

    folder = _demo() if str(dataset) == "demo" else dataset
    if not folder.is_dir():
        raise BodyMapsError(f"{dataset} is not a folder: give a folder of cases, or `demo`")
    with clean_stdout() as stdout:
        result = evaluate(load(segmenter), folder)
        save_json(result, out)
        print(table(result), file=stdout)


@app.command()
def quality(
    recipe: Annotated[Path, typer.Argument(help="The recipe that trained the weights.")],
    data: Annotated[Path, typer.Option(help="The folder of the training data.")],
    weights: Annotated[Path, typer.Option(help="The weights to measure.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("quality.json"),
) -> None:
    """Measure weights on the demo CT and on the recipe's held-out cases: the table that answers quote."""
    from eval.quality import markdown_of, measure_quality

    with clean_stdout() as stdout:
        table = measure_quality(weights, recipe, data, _demo())
        save_json(table, out)
        print(markdown_of(table), file=stdout)


def _demo() -> Path:
    """The demo CT with all its reference meshes, in one folder."""
    from assistant.demo import demo, demo_references, demo_study

    meshes = [Path(name).stem for name in demo()["files"] if name.endswith(".stl")]
    demo_references(meshes)
    return demo_study().parent
