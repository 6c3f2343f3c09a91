"""The width of a vessel on axial slices: the largest circle that fits into its cross-section.

A round vessel that crosses a slice at a slant shows an ellipse whose long axis says nothing, but whose minor
axis is the vessel's width: the reason why a slanting aorta is read by its minor axis. The inscribed circle is
that minor axis on an ellipse, and it stays right where a caliper around the section does not: where the
vessel bends within the slice, as at an arch, and where a branch leaves it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.measure.hull import Line, flatten
from assistant.measure.region import AXIAL, Region
from assistant.measure.sections import Section, in_plane, largest, sections
from assistant.measure.surface import faces
from assistant.measure.types import Measurement


def max_axial_diameter(region: Region) -> Measurement:
    """The diameter of the largest circle in any axial section; holes in it, such as plaque, are filled."""
    steps = region.steps[:AXIAL]
    section, line = largest(sections(region), lambda s: _upper_bound(s, steps), lambda s: _widest(s, steps))
    return in_plane("max_axial_diameter", region, section, line)


def _widest(section: Section, steps: npt.NDArray) -> Line:
    """The diameter of the largest circle that holds no point of the outline.

    Its centre is a vertex of the outline's Voronoi diagram, so the answer is exact below the pixel.
    """
    from scipy.ndimage import binary_fill_holes
    from scipy.spatial import KDTree, Voronoi

    solid = binary_fill_holes(section.pixels)
    outline, to_pixel = flatten(faces(solid), steps)
    centres = Voronoi(outline).vertices
    pixel = np.rint(centres @ to_pixel).astype(np.int64)
    on_grid = ((pixel >= 0) & (pixel < solid.shape)).all(axis=1)
    centres, pixel = centres[on_grid], pixel[on_grid]
    centres = centres[solid[pixel[:, 0], pixel[:, 1]]]
    radii, nearest = (np.asarray(found) for found in KDTree(outline).query(centres))
    widest = int(radii.argmax())
    rim = outline[nearest[widest]]
    ends = np.array([rim, 2 * centres[widest] - rim])
    return Line(2 * float(radii[widest]), ends @ to_pixel + section.corner)


def _upper_bound(section: Section, steps: npt.NDArray) -> float:
    """No circle in this section is wider.

    A circle's centre lies within half a pixel diagonal of a pixel centre, and the outline within half a pixel
    of the background pixel centre nearest to that one. On sheared planes, which distance transforms do
    not know, there is no bound.
    """
    import edt
    from scipy.ndimage import binary_fill_holes

    lengths = np.linalg.norm(steps, axis=1)
    if abs(steps[0] @ steps[1]) > 1e-6 * lengths[0] * lengths[1]:
        return float("inf")
    solid = np.ascontiguousarray(binary_fill_holes(section.pixels))
    depth = edt.edt(solid, anisotropy=tuple(lengths.tolist()), black_border=True).max()
    return 2 * float(depth + np.linalg.norm(lengths))
