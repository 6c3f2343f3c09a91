"""Heights in the body: the part of a structure that lies beside others, such as the aorta at L3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from assistant.wording import sentence_list
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from prompts.ontology import ontology


def level_name(level: Sequence[str]) -> str:
    return sentence_list([ontology()[structure].name for structure in level])


def beside(mask: Mask, others: Iterable[Mask], geometry: Geometry) -> Mask:
    """The part of a mask on the axial slices of others, each from its lowest slice to its highest; absent when the
    mask has none there. All masks are on the grid of `geometry`.
    """
    assert mask.box is not None
    axis = geometry.axial_axis
    kept = np.zeros(mask.shape[axis], bool)
    for box in (other.box for other in others):
        if box is not None:
            kept[box.start[axis] : box.stop[axis]] = True
    own = kept[mask.box.slices[axis]]
    shape = [-1 if a == axis else 1 for a in range(3)]
    voxels = mask.voxels & own.reshape(shape)
    return Mask.from_crop(mask.structure, mask.shape, mask.box, voxels, mask.confidence)
