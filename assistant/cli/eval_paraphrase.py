"""bodymaps eval paraphrase: does any phrasing of a structure give its mask?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.common import Bar, clean_stdout, structure_ids
from encoders.errors import BodyMapsError
from encoders.files import save_json


def paraphrase(
    study: Annotated[Path, typer.Argument(help="A CT, or `demo`.")],
    structures: Annotated[
        list[str] | None, typer.Option("--structure", "-t", help="Default: all that the model offers.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The JSON file.")] = Path("paraphrase.json"),
    encoder: Annotated[
        bool,
        typer.Option("--encoder", help="Draw each phrase that is no known name by its own text embedding."),
    ] = False,
) -> None:
    """Ask the embedded model for each structure in 20 ways and compare the masks with the canonical prompt's."""
    from assistant.demo import demo_study
    from assistant.study import open_study
    from encoders.segmenters.embedded import EmbeddedSegmenter
    from encoders.segmenters.hearing import MEANT
    from eval.paraphrase import measure, table

    segmenter = EmbeddedSegmenter()
    ids = structure_ids(structures) if structures else sorted(segmenter.supported())
    cannot = [name for name in ids if name not in segmenter.supported()]
    if cannot:
        raise BodyMapsError(f"the embedded model cannot segment {', '.join(cannot)}: choose others with -t")
    with clean_stdout() as stdout:
        opened = open_study(demo_study() if str(study) == "demo" else study)
        with Bar() as bar:
            result = measure(segmenter, opened.volume, ids, bar.progress, 1.0 if encoder else MEANT)
        save_json(result, out)
        print(table(result), file=stdout)
