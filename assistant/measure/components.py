"""The separate pieces of a mask: one mask a lesion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask


def components(mask: Mask | npt.NDArray, geometry: Geometry) -> list[Mask]:
    """The 26-connected pieces, the largest first; equal ones from the patient's left, back and feet on.

    They keep the structure and the confidence of the mask. A bare array gives pieces named "" with
    confidence 1. An empty mask gives an empty list.
    """
    import cc3d

    whole = mask if isinstance(mask, Mask) else Mask.from_full("", mask, 1.0)
    if whole.box is None:
        return []
    labels = cc3d.connected_components(np.ascontiguousarray(whole.voxels), connectivity=26)
    statistics = cc3d.statistics(labels, no_slice_conversion=False)
    found = []
    for label in range(1, len(statistics["voxel_counts"])):
        inside = statistics["bounding_boxes"][label]
        box = Box(tuple(side.start for side in inside), tuple(side.stop for side in inside))
        on_study = box.shifted(whole.box.start)
        piece = Mask(whole.structure, whole.shape, on_study, labels[inside] == label, whole.confidence)
        size = int(statistics["voxel_counts"][label])
        found.append((-size, geometry.canonical_box(on_study).start, piece))
    return [piece for *_, piece in sorted(found, key=lambda entry: entry[:2])]
