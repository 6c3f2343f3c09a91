"""Cases of a recipe are read once; another entry is another case."""

import numpy as np
import pytest

from encoders.learning.cases import OUTSIDE
from encoders.learning.loading import load_cases
from encoders.learning.recipe import read_recipe


@pytest.fixture
def entries(data):
    return read_recipe(data / "first.yaml")["cases"]


def test_a_case_is_read_once(data, entries):
    (first,) = load_cases(entries, data, 3.0, data / "kept")
    (data / "labels.nii.gz").unlink()
    (data / "ct.nii.gz").unlink()
    (again,) = load_cases(entries, data, 3.0, data / "kept")
    assert np.array_equal(first.hu, again.hu)
    assert np.array_equal(first.labels, again.labels)
    assert again.names == ("unlabelled", "spleen", OUTSIDE)
    assert again.complete == {"spleen"}


def test_what_changes_a_case_is_kept_apart(data, entries):
    def kept():
        return len(list((data / "kept").iterdir()))

    load_cases(entries, data, 3.0, data / "kept")
    load_cases(entries, data, 6.0, data / "kept")
    assert kept() == 2
    renamed = [{**entries[0], "labels": [{**entries[0]["labels"][0], "aliases": {"spleen": "liver"}}]}]
    (case,) = load_cases(renamed, data, 3.0, data / "kept")
    assert case.names[1] == "liver"
    assert kept() == 3
    load_cases(renamed, data, 3.0, data / "kept")
    assert kept() == 3
