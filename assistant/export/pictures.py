"""The slices that a reader wants to keep: of each finding its own, and those of its measured lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from assistant.answer import Finding
from assistant.export.words import bundle
from assistant.places import Place, key_of, layer_of, place_of, place_of_line
from assistant.render import PLANES, render
from assistant.tools.show import WINDOWS
from encoders.volume import Volume
from prompts.ontology import ontology


@dataclass(frozen=True, eq=False)
class Picture:
    """One slice with overlay, boxes and measured lines. alt: what it shows, in words."""

    name: str
    alt: str
    image: Image.Image


def pictures(found: Sequence[Finding], volume: Volume) -> Iterator[Picture]:
    """The key slices of the present findings, in their order, each drawn when it is asked for.

    volume: on the study's own grid. Slices are numbered as the study's own array does.
    """
    say, taken = bundle(), 0
    for finding in found:
        for place in _places(finding, volume):
            if taken == say["most_pictures"]:
                return
            taken += 1
            yield _picture(taken, finding, place, found, volume)


def window_of(finding: Finding) -> str:
    """The CT window in which a structure is best seen."""
    structure, say = ontology()[finding.structure], bundle()
    if structure.hu is not None and max(structure.hu) < say["air_below_hu"]:
        return str(say["windows"]["air"])
    return str(say["windows"].get(structure.kind, "soft tissue"))


def _places(finding: Finding, volume: Volume) -> list[Place]:
    """Where to look: one place a plane and slice."""
    geometry = volume.geometry
    places = [place_of(finding, geometry), *(place_of_line(m, geometry) for m in finding.measurements)]
    slices: dict[tuple[str, int], Place] = {}
    for place in places:
        if place is not None:
            plane = PLANES[place.plane or "axial"]
            slices.setdefault((plane.name, place.at[plane.axis]), Place(place.at, plane.name))
    return list(slices.values())


def _picture(
    number: int, finding: Finding, place: Place, found: Sequence[Finding], volume: Volume
) -> Picture:
    geometry, say = volume.geometry, bundle()
    plane = PLANES[place.plane or "axial"]
    at, last = place.at[plane.axis], volume.canonical().shape[plane.axis] - 1
    own = last - at if geometry.axes.flips[plane.axis] else at
    level, width = WINDOWS[window_of(finding)]
    layers = [layer_of(f, geometry, key_of(f) == key_of(finding)) for f in reversed(found)]
    words: dict[str, Any] = {"plane": plane.name, "index": own, "last": last}
    image = render(
        volume.canonical(),
        plane,
        at,
        (level, width),
        [layer for layer in layers if layer is not None],
        caption=say["caption"].format(level=level, width=width, **words),
    )
    name = f"{number:02d}_{finding.structure}_{plane.name}_{own}.png"
    return Picture(name, say["picture"].format(label=finding.label, **words), image)
