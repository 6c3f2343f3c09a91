"""DICOM series, converted to NIfTI by dcm2niix."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import replace
from functools import cache
from importlib.resources import files
from math import prod
from pathlib import Path

import numpy as np
import yaml

from assistant.study import limits, nifti
from assistant.study.series import Series, scan
from assistant.study.study import Loaded
from encoders.errors import BodyMapsError

TIMEOUT_S = 600

# Ignore the user's defaults; no compression; unsigned stored values to signed, without which dcm2niix cannot
# make uneven slices even; no sidecar.
_OPTIONS = ("-g", "i", "-z", "n", "-l", "n", "-b", "n", "-f", "ct", "-w", "2")


def read(source: Path, shown: Path | None = None) -> Loaded:
    """The largest CT series of a folder (or the one DICOM file).

    shown: the path that messages name, when `source` is a temporary folder.
    Raises BodyMapsError when there is no CT series or it does not convert.
    """
    shown = shown or source
    found = scan(source)
    if not found:
        raise BodyMapsError(f"{shown}: no DICOM images in it (of another format give the file itself)")
    ct = [series for series in found if series.modality == "CT"]
    if not ct:
        others = ", ".join(sorted({series.modality for series in found}))
        raise BodyMapsError(f"{shown}: the DICOM images are {others}, not CT")
    chosen = max(ct, key=lambda series: (not series.localizer, series.pixels, series.uid))
    limits.check(shown, 2.0 * chosen.pixels, sum(file.stat().st_size for file in chosen.files), "series")
    warnings = _choice(chosen, found)
    with tempfile.TemporaryDirectory(prefix="bodymaps-") as work:
        path, tilted, said = _convert(chosen, Path(work), shown)
        loaded = nifti.read(path)
    if tilted and len(chosen.positions) == loaded.pixels.shape[2]:
        loaded = _placed(loaded, chosen)
    elif tilted:
        said.append("The gantry was tilted and slices are irregular: positions and sizes are approximate.")
    return replace(
        loaded,
        warnings=(*warnings, *said, *loaded.warnings),
        facts=chosen.facts,
        dicom_files=tuple(chosen.files),
    )


def _choice(chosen: Series, found: list[Series]) -> list[str]:
    """Says which series was taken when there were several."""
    if len(found) == 1:
        return []
    counts = Counter(series.modality for series in found)
    what = ", ".join(f"{count} {modality}" for modality, count in sorted(counts.items()))
    named = f' "{chosen.facts["series"]}"' if "series" in chosen.facts else ""
    return [
        f"There are {len(found)} series ({what}); the largest CT series{named} "
        f"with {len(chosen.files)} images is used."
    ]


def _convert(series: Series, work: Path, shown: Path) -> tuple[Path, bool, list[str]]:
    """The converted volume of a series, whether its gantry was tilted, and what the user should know."""
    from dcm2niix import bin as program

    inside, outside = work / "in", work / "out"
    inside.mkdir()
    outside.mkdir()
    for number, file in enumerate(series.files):
        _link(file.resolve(), inside / f"{number:06d}.dcm")
    try:
        done = subprocess.run(
            [program, *_OPTIONS, "-o", str(outside), str(inside)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BodyMapsError(f"{shown}: dcm2niix could not convert the DICOM series") from error
    volumes = sorted(outside.glob("*.nii"), key=lambda path: (-_voxels(path), path.name))
    plain = [path for path in volumes if "_Tilt" not in path.stem and "_Eq" not in path.stem]
    if not plain:
        raise BodyMapsError(f"{shown}: dcm2niix could not convert the DICOM series (is it complete?)")
    warnings = [rule["warning"] for rule in _rules() if rule["says"] in done.stdout]
    if done.returncode:
        warnings.append("dcm2niix met a problem with this series: the volume may be incomplete.")
    if len(plain) > 1:
        warnings.append(f"The series holds {len(plain)} separate volumes; the largest one is used.")
    name = plain[0].stem
    tilted = any(path.stem.startswith(f"{name}_Tilt") for path in volumes)
    even = next((path for path in volumes if path.stem.startswith(f"{name}_Eq")), plain[0])
    return (plain[0] if tilted else even), tilted, warnings


def _placed(loaded: Loaded, series: Series) -> Loaded:
    """A tilted series on the grid that its slice positions span: sheared, but where the patient was.

    dcm2niix leaves the shear out of the affine of the slices as acquired, and where it resamples them it
    moves the volume by the tilt's lever, so neither is used.
    """
    slices, shape = np.array(series.positions), loaded.pixels.shape
    across, down = np.reshape(series.orientation, (2, 3))
    slices = slices[np.argsort(slices @ np.cross(across, down))]
    affine = loaded.affine.copy()
    lps = np.diag([-1.0, -1.0, 1.0])
    if affine[:3, 2] @ lps @ (slices[-1] - slices[0]) < 0:
        slices = slices[::-1]
    affine[:3, 2] = lps @ (slices[-1] - slices[0]) / (shape[2] - 1)
    counts_up = [affine[:3, axis] @ lps @ way > 0 for axis, way in enumerate((across, down))]
    first_pixel = [0 if up else n - 1 for up, n in zip(counts_up, shape[:2], strict=True)]
    affine[:3, 3] = lps @ slices[0] - affine[:3, :2] @ first_pixel
    return replace(loaded, affine=affine, header=None)


def _link(file: Path, link: Path) -> None:
    try:
        os.symlink(file, link)
    except OSError:  # a system where links need a privilege
        shutil.copyfile(file, link)


def _voxels(path: Path) -> int:
    import nibabel as nib

    return prod(int(n) for n in nib.nifti1.load(path).shape)


@cache
def _rules() -> list[dict[str, str]]:
    return yaml.safe_load(files("assistant.study").joinpath("dcm2niix.yaml").read_text(encoding="utf-8"))
