"""Chips: a finding, its box and its numbers as buttons that lead to their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from assistant.answer import Answer, Finding
from assistant.places import Key, Place, in_words, inside, key_of, place_of, place_of_line
from assistant.ui.words import page
from encoders.geometry import Box, Geometry


@dataclass(frozen=True)
class Chip:
    """A finding, its box or one of its numbers, as a button that leads there."""

    text: str
    key: Key
    place: Place
    is_finding: bool = False


def chips(answer: Answer, geometry: Geometry) -> list[Chip]:
    """The chips of an answer: for each present finding itself, its box and its numbers."""
    return [chip for finding in answer.findings for chip in _chips(finding, geometry)]


def _chips(finding: Finding, geometry: Geometry) -> Iterable[Chip]:
    place, key = place_of(finding, geometry), key_of(finding)
    if place is None or finding.box is None:
        return
    yield Chip(finding.label, key, place, is_finding=True)
    low, high = finding.box.world_mm
    size = np.subtract(high, low)
    yield Chip(page()["chips"]["box"].format(*size), key, _middle(finding, geometry))
    for measurement in finding.measurements:
        there = place_of_line(measurement, geometry) or place
        yield Chip(in_words(measurement), key, there)


def _middle(finding: Finding, geometry: Geometry) -> Place:
    assert finding.box is not None
    box = geometry.canonical_box(Box(*finding.box.voxel))
    return Place(inside(box.centre, geometry.canonical()))
