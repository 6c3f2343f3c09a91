import numpy as np

from assistant.answer import Answer, BoundingBox, CallRecord, Finding
from assistant.measure.types import Measurement
from encoders.geometry import Box
from eval.phantoms import grid


def finding(**changes):
    geometry = grid((10, 12, 14), (2.0, 3.0, 4.0))
    box = Box((2, 3, 4), (5, 5, 5))
    values = {
        "structure": "liver",
        "label": "liver",
        "present": True,
        "confidence": 0.87654,
        "shape": geometry.shape,
        "box": BoundingBox.of(box, geometry),
        "voxels": np.ones(box.shape, bool),
        "measurements": (Measurement("longest_diameter", 12.34567, "mm", ((0, 1, 2), (3, 4, 5)), 4),),
    }
    return Finding(**values | changes)


def test_dict_has_exactly_the_keys_of_the_contract():
    answer = Answer(
        "q", "act", "t", (finding(),), (CallRecord("segment", {"targets": ["liver"]}, 1.0, False),)
    )
    record = answer.to_dict()
    assert list(record) == ["request", "status", "text", "seconds", "findings", "calls", "warnings"]
    assert set(record["findings"][0]) == {
        "structure",
        "label",
        "present",
        "confidence",
        "box",
        "measurements",
        "mask",
    }
    assert set(record["findings"][0]["measurements"][0]) == {
        "kind",
        "value",
        "unit",
        "endpoints_mm",
        "slice_k",
    }
    assert set(record["calls"][0]) == {"tool", "args", "seconds", "cached"}


def test_box_fills_whole_voxels_in_millimetres():
    box = finding().box
    assert box.voxel == ((2, 3, 4), (5, 5, 5))
    (x0, y0, z0), (x1, y1, z1) = box.world_mm
    assert (x1 - x0, y1 - y0, z1 - z0) == (3 * 2, 2 * 3, 1 * 4)


def test_mask_is_on_the_studys_grid():
    mask = finding().mask
    assert mask.shape == (10, 12, 14)
    assert mask.dtype == bool
    assert Box.of_mask(mask) == Box((2, 3, 4), (5, 5, 5))


def test_absent_finding_has_no_box_no_number_and_an_empty_mask():
    absent = finding(present=False, box=None, voxels=None, measurements=())
    assert absent.to_dict()["box"] is None
    assert absent.to_dict()["measurements"] == []
    assert not absent.mask.any()
    assert absent.value("volume") is None
