"""What the 3D viewer is given: the CT and the masks as NIfTI, and how to show them. Nothing is written to a file.

Each reading has an address that cannot be guessed; whoever does not know it gets nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.answer import Finding
from assistant.places import key_of
from assistant.tools.show import WINDOWS
from assistant.ui import niivue
from assistant.ui.reading import Reading
from assistant.ui.words import page
from encoders.geometry import Box, Geometry
from prompts.ontology import ontology

ADDRESS = "/niivue"
MOST_VOXELS = 48_000_000
"""A larger CT is shown by every second voxel, or every third: browsers hold it in the memory of the graphics card."""

EDGES = [(a, b) for a in range(8) for b in range(8) if a < b and (a ^ b) in (1, 2, 4)]
"""The twelve edges of a box whose corners are numbered in binary."""


def step_of(shape: tuple[int, int, int]) -> int:
    """Every how many voxels a CT is shown."""
    return int(np.ceil(np.cbrt(np.prod(shape, dtype=float) / MOST_VOXELS)))


def present(reading: Reading) -> list[Finding]:
    """The findings to draw, in the order of their label values."""
    return [f for f in reversed(reading.findings) if f.box is not None and f.voxels is not None]


def ct(reading: Reading) -> bytes:
    """The CT as NIfTI."""
    step = step_of(reading.geometry.shape)
    volume = reading.session.study.volume
    return _nifti(volume.hu[::step, ::step, ::step], volume.geometry.every(step))


def masks(reading: Reading) -> bytes:
    """All findings as one label NIfTI: value n is the n-th of `present`, later ones over earlier ones."""
    step, geometry = step_of(reading.geometry.shape), reading.geometry
    labels = np.zeros(geometry.shape, np.uint8)
    for value, finding in enumerate(present(reading)[:255], start=1):
        assert finding.box is not None
        labels[Box(*finding.box.voxel).slices][finding.voxels] = value
    return _nifti(labels[::step, ::step, ::step], geometry.every(step))


def _nifti(array: npt.NDArray, geometry: Geometry) -> bytes:
    import nibabel as nib

    return nib.nifti1.Nifti1Image(np.ascontiguousarray(array), geometry.affine).to_bytes()


def state(reading: Reading) -> dict[str, Any]:
    """How to show a reading: data for `space.js`. Positions are RAS+ millimetres."""
    view, found = reading.view, present(reading)
    level, width = WINDOWS[view.window]
    at = reading.geometry.canonical().to_world(view.at)
    return {
        "address": f"{ADDRESS}/{reading.token}",
        "version": "-".join(f"{id(f.voxels):x}" for f in found),
        "range": [level - width / 2, level + width / 2],
        "opacity": view.opacity,
        "at": [round(float(v), 2) for v in at],
        "labels": _colours(found),
        "boxes": _wires(found, view.chosen) if view.boxes else None,
    }


def _colours(found: list[Finding]) -> dict[str, list[Any]]:
    """NiiVue's label colours; label 0 is clear."""
    colours = [ontology()[f.structure].colour for f in found]
    red, green, blue = ([0, *(c[axis] for c in colours)] for axis in range(3))
    count = len(found) + 1
    return {
        "R": red,
        "G": green,
        "B": blue,
        "A": [0] + [255] * len(found),
        "I": list(range(count)),
        "labels": ["", *(f.label for f in found)],
    }


def _wires(found: list[Finding], chosen: Any) -> dict[str, Any] | None:
    """Boxes and measured lines as NiiVue's connectome: points, and edges between them."""
    points: list[tuple[float, ...]] = []
    names: list[str] = []
    edges: list[tuple[int, int]] = []
    for finding in found:
        assert finding.box is not None
        low_high = np.array(finding.box.world_mm)
        corners = [tuple(low_high[(n >> axis) & 1][axis] for axis in range(3)) for n in range(8)]
        edges += [(len(points) + a, len(points) + b) for a, b in EDGES]
        points += corners
        names += [finding.label if n == 7 and key_of(finding) == chosen else "" for n in range(8)]
        for measured in finding.measurements:
            if measured.endpoints_mm is not None:
                edges.append((len(points), len(points) + 1))
                points += [tuple(float(v) for v in end) for end in measured.endpoints_mm]
                names += ["", f"{measured.value:.0f} {measured.unit}"]
    if not points:
        return None
    return {"points": [[round(float(v), 1) for v in p] for p in points], "names": names, "edges": edges}


def html(reading: Reading | None) -> str:
    """The place for the viewer's canvas, with its state; nothing while slices are on show."""
    if reading is None or not reading.view.space:
        return ""
    say = page()["space"]
    data = escape(json.dumps(state(reading)), quote=True)
    label, unable, loading = (escape(say[key]) for key in ("label", "no_webgl", "loading"))
    return (
        f'<div class="space" role="group" aria-label="{label}" data-state="{data}" data-unable="{unable}">'
        f'<p class="where" aria-live="polite">{loading}</p></div>'
    )


def routes(find: Callable[[str], Reading | None]) -> list[Any]:
    """Routes for the web server. find: the reading at a token, or None."""
    from starlette.requests import Request
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    private = {"Cache-Control": "no-store"}

    def code(_: Request) -> Response:
        return Response(niivue.module(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    def part(request: Request) -> Response:
        path = niivue.part(request.path_params["name"])
        return FileResponse(path) if path else Response("there is no such file", 404)

    def volume(request: Request) -> Response:
        reading = find(request.path_params["token"])
        make = {"ct.nii": ct, "masks.nii": masks}.get(request.path_params["name"])
        if reading is None or make is None:
            return Response("there is no such study", 404)
        return Response(make(reading), media_type="application/octet-stream", headers=private)

    return [
        Route(f"{ADDRESS}/niivue.js", code),
        Route(f"{ADDRESS}/{{name:path}}.js", lambda r: part(_with(r, ".js"))),
        Route(f"{ADDRESS}/{{token}}/{{name}}", volume),
    ]


def _with(request: Any, suffix: str) -> Any:
    request.path_params["name"] += suffix
    return request
