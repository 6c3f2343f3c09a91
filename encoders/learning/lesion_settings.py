"""Which lesions are planted, and the ranges that they are drawn from."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

LESIONS = (
    "liver_tumor",
    "liver_cyst",
    "pancreas_tumor",
    "kidney_tumor",
    "kidney_cyst",
    "lung_tumor",
    "colon_tumor",
)
"""Ontology ids: value v of a lesion map is `LESIONS[v - 1]`, 0 is none."""
DECOY = -1
"""Value of a lesion map where something that is no lesion was painted."""


@cache
def settings() -> dict[str, Any]:
    """The content of `tumours.yaml`."""
    return yaml.safe_load(files("encoders.learning").joinpath("tumours.yaml").read_text())
