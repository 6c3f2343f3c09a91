"""`bodymaps eval load`: many programs at once on one server. No errors, no mix-up, no memory kept.

Each client has a phantom of its own, whose liver is a ball of a size that no other client's has. The server's segmenter
finds it by its density in the pixels that it is given, so a wrong study would give a wrong volume.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.volume import Volume
from eval.phantoms import Ellipsoid, grid, rasterise
from eval.tables import markdown

LIVER_HU, BODY_HU, AIR_HU = 110, 20, -1000
SHAPE, SPACING_MM = (72, 60, 48), (5.0, 5.0, 5.0)
PATIENCE_SECONDS = 300.0
REST_SECONDS = 5.0
"""Before memory is measured, so that what was closed is gone."""
MEMORY_SLACK = 1.1
"""Memory is back when it is at most this many times what it was after the first round."""


class DensitySegmenter:
    """Finds the phantom's liver by its Hounsfield units."""

    name = "density"

    def supported(self) -> frozenset[str]:
        return frozenset({"liver"})

    def quality(self, structure: str) -> Quality:
        return Quality("validated", 1.0, 1)

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        found = np.abs(volume.hu - LIVER_HU) < 20
        return {structure: Mask.from_full(structure, found, 1.0) for structure in structures}


def write_phantom(path: Path, radius_mm: float) -> int:
    """A trunk with a ball for a liver as NIfTI; returns the ball's voxels."""
    import nibabel as nib

    geometry = grid(SHAPE, SPACING_MM)
    ball = rasterise(Ellipsoid((40, 0, 0), (radius_mm,) * 3), geometry)
    body = rasterise(Ellipsoid((0, 0, 0), (170, 140, 400)), geometry)
    hu = np.where(ball, LIVER_HU, np.where(body, BODY_HU, AIR_HU)).astype(np.int16)
    nib.save(nib.nifti1.Nifti1Image(hu, geometry.affine), path)
    return int(ball.sum())


@dataclass
class Tally:
    """What the clients saw. seconds: of each verb's calls; errors, mixed: a sentence for each."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)


class Program:
    """One client: opens its phantom, asks, measures, downloads, closes; again and again."""

    def __init__(self, url: str, number: int, folder: Path, tally: Tally) -> None:
        from gradio_client import Client

        self._url, self._number, self.tally = url, number, tally
        self._path = folder / f"phantom_{number}.nii.gz"
        self._voxels = write_phantom(self._path, 40 + 1.5 * number)
        self._client = Client(
            url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": PATIENCE_SECONDS}
        )

    def round(self) -> None:
        """One study from opening to closing. What goes wrong is noted, never raised."""
        try:
            self._round()
        except Exception as error:
            self.tally.errors.append(f"client {self._number}: {type(error).__name__}: {error}")

    def _round(self) -> None:
        import httpx
        import nibabel as nib
        from gradio_client import handle_file

        ml = self._voxels * float(np.prod(SPACING_MM)) / 1000
        study = self._call("open_study", handle_file(str(self._path)))["study"]
        self._check("volume", self._volume(self._call("ask", study, "How big is the liver?")), ml)
        self._check("volume", self._volume(self._call("measure", study, "liver", ["volume"])), ml)
        address = self._call("download", study)["address"]
        started = time.perf_counter()
        data = httpx.get(self._url.rstrip("/") + address, timeout=PATIENCE_SECONDS).raise_for_status().content
        self.tally.seconds["fetch the zip"].append(time.perf_counter() - started)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            image = nib.nifti1.Nifti1Image.from_bytes(gzip.decompress(archive.read("masks/liver.nii.gz")))
        self._check("mask", float(np.count_nonzero(image.dataobj)), self._voxels)
        self._call("close_study", study)

    def _call(self, verb: str, *arguments: Any) -> dict[str, Any]:
        started = time.perf_counter()
        result = self._client.predict(*arguments, api_name=f"/{verb}")
        self.tally.seconds[verb].append(time.perf_counter() - started)
        return result

    def _volume(self, answer: dict[str, Any]) -> float:
        return next(m["value"] for m in answer["findings"][0]["measurements"] if m["kind"] == "volume")

    def _check(self, what: str, seen: float, own: float) -> None:
        if abs(seen - own) > 1e-3 * own:
            self.tally.mixed.append(f"client {self._number}: {what} {seen:g} instead of {own:g}")

    def close(self) -> None:
        self._client.close()


def load(url: str, process: int, clients: int, minutes: float, folder: Path) -> dict[str, Any]:
    """Run clients against a server for some minutes.

    process: the server's id. folder: for the phantoms. Returns what was measured: memory in MB after one round of each
    client, at its highest and at the end, seconds of each verb, errors and mix-ups.
    """
    first, tally = Tally(), Tally()
    programs = [Program(url, n, folder, first) for n in range(clients)]
    for thread in _started(programs, until=0.0):
        thread.join()
    if first.errors or first.mixed:
        raise BodyMapsError(f"the first round failed: {(first.errors + first.mixed)[0]}")
    start = highest = _rested(process)
    for program in programs:
        program.tally = tally
    end = time.monotonic() + 60 * minutes
    threads = _started(programs, until=end)
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        highest = max(highest, _memory_mb(process))
    rest = _rested(process)
    for program in programs:
        program.close()
    return {
        "clients": clients,
        "minutes": minutes,
        "studies": len(tally.seconds["close_study"]),
        "calls": sum(map(len, tally.seconds.values())),
        "errors": tally.errors,
        "mixed": tally.mixed,
        "memory_mb": {"start": start, "highest": highest, "end": rest},
        "seconds": {
            verb: {"median": float(np.median(s)), "p95": float(np.quantile(s, 0.95)), "calls": len(s)}
            for verb, s in tally.seconds.items()
        },
    }


def passed(result: dict[str, Any]) -> bool:
    """No error, no mix-up, and memory back to what it was after the first round."""
    memory = result["memory_mb"]
    return not result["errors"] and not result["mixed"] and memory["end"] <= MEMORY_SLACK * memory["start"]


def table(result: dict[str, Any]) -> str:
    """The result for the terminal."""
    rows = [[verb, s["calls"], s["median"], s["p95"]] for verb, s in result["seconds"].items()]
    memory = result["memory_mb"]
    lines = [markdown(["verb", "calls", "median s", "95 % s"], rows), ""]
    lines.append(
        f"{result['clients']} clients, {result['minutes']:g} minutes, {result['studies']} studies, "
        f"{result['calls']} calls: {len(result['errors'])} errors, {len(result['mixed'])} mix-ups"
    )
    lines.append(
        "server memory, MB: {start:.0f} after the first round, {highest:.0f} at most, {end:.0f} at the end".format(
            **memory
        )
    )
    return "\n".join([*lines, *result["errors"][:5], *result["mixed"][:5]])


def _started(programs: Sequence[Program], until: float) -> list[threading.Thread]:
    """All clients at once, each in a thread: one round, and more until that time of the monotonic clock."""

    def run(program: Program) -> None:
        program.round()
        while time.monotonic() < until:
            program.round()

    threads = [threading.Thread(target=run, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    return threads


def _rested(process: int) -> float:
    time.sleep(REST_SECONDS)
    return _memory_mb(process)


def _memory_mb(process: int) -> float:
    """The resident memory of a process."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True)
    if done.returncode:
        raise BodyMapsError("the server has ended: see its messages above")
    return int(done.stdout) / 1024
