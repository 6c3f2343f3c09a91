"""Several data sets in one folder, such as the tasks of the Medical Segmentation Decathlon, and its table."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from eval.tables import markdown


def collection(folder: Path) -> list[Path]:
    """The data sets in a folder of data sets with a dataset.json each; none when it is a data set itself."""
    if (folder / "dataset.json").is_file():
        return []
    return sorted(path.parent for path in folder.glob("*/dataset.json"))


def leaderboard(results: list[dict[str, Any]]) -> str:
    """Dice / NSD in percent with the case count, beside published figures; empty without an MSD structure.

    results: of `eval.segmentation.evaluate`.
    """
    data = yaml.safe_load(files("eval").joinpath("leaderboard.yaml").read_text(encoding="utf-8"))
    own = {
        (result["dataset"].lower(), structure): scores
        for result in results
        for structure, scores in result["summary"].items()
    }
    columns = [(dataset, structure) for dataset, structure in data["columns"]]
    mine = [own.get((dataset.lower(), structure)) for dataset, structure in columns]
    if not any(mine):
        return ""
    cells = [
        None if s is None else f"{100 * s['dice']:.2f}/{100 * s['nsd']:.2f} ({s['cases']})" for s in mine
    ]
    rows = [[results[0]["segmenter"], *cells], *([name, *row] for name, row in data["published"].items())]
    header = ["Dice/NSD in % (cases)", *(structure for _, structure in columns)]
    return (
        markdown(header, rows)
        + "\nThe published rows are of the hidden test cases, ours of the cases given: not the same patients."
    )
