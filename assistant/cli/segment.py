"""bodymaps segment: label maps of one or more CTs."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from assistant.cli.common import Bar, SegmenterSpec, clean_stdout, structure_ids
from encoders.errors import BodyMapsError
from encoders.files import check_folder

if TYPE_CHECKING:
    from assistant import Assistant

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """What is written."""

    nifti = "nifti"
    dicom_seg = "dicom-seg"


@app.command()
def segment(
    studies: Annotated[list[Path], typer.Argument(help="CTs.")],
    structures: Annotated[
        list[str], typer.Option("--structure", "-t", help="Id or name; repeat for several.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    format: Annotated[Format, typer.Option(help="nifti or dicom-seg.")] = Format.nifti,
    segmenter: SegmenterSpec = "embedded",
) -> None:
    """Segment structures: one multi-label file a CT, and labels.json.

    With several CTs each has a folder of its own, named after it; one that cannot be done does not stop the others.
    """
    from assistant import Assistant

    ids = structure_ids(structures)
    check_folder(out)
    folders = _folders(studies, out)
    with clean_stdout() as stdout:
        assistant = Assistant(segmenter=segmenter)
        assert assistant.segmenter  # one that cannot run is told once, not for every study
        failed = False
        for study, folder in zip(studies, folders, strict=True):
            try:
                _segment(assistant, study, ids, folder, format, stdout)
            except BodyMapsError as error:
                if len(studies) == 1:
                    raise
                print(f"bodymaps: {error}", file=sys.stderr)
                failed = True
    if failed:
        raise typer.Exit(2)


def _segment(
    assistant: Assistant, study: Path, ids: list[str], folder: Path, format: Format, stdout: IO[str]
) -> None:
    """One study, from its file to the files with its masks."""
    from assistant.export.labels import save_segmentation

    work = assistant.open(study).workspace
    reach = work.reachable(ids)
    cannot = [*reach.unsupported, *(leaf for leaves in reach.partial.values() for leaf in leaves)]
    if not reach.ids:
        raise BodyMapsError(f"the {work.segmenter.name} model cannot segment {', '.join(cannot)}")
    for name in cannot:
        print(f"bodymaps: the {work.segmenter.name} model cannot segment {name}", file=sys.stderr)
    with Bar(study.name) as bar:
        found = work.find(reach.ids, bar.progress)
    masks = {name: f.mask for name, f in found.items()}
    for path in save_segmentation(masks, work.study, folder, format.value):
        print(path, file=stdout, flush=True)
    for name, mask in masks.items():
        if not mask.present:
            print(f"bodymaps: {name} was not found in {study}", file=sys.stderr)


def _folders(studies: list[Path], out: Path) -> list[Path]:
    """Where each study's files go; raises BodyMapsError when two studies would share a folder."""
    if len(studies) == 1:
        return [out]
    names = [
        study.name if os.path.isdir(study) else study.name.removesuffix(".gz").rsplit(".", 1)[0]
        for study in studies
    ]
    if len(set(names)) < len(names):
        names = [f"{study.resolve().parent.name}_{name}" for study, name in zip(studies, names, strict=True)]
    if len(set(names)) < len(names):
        raise BodyMapsError("two studies have the same name: segment them one at a time")
    return [out / name for name in names]
