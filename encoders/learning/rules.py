"""Labels that need no network: the lungs are the air inside the chest."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def lungs(hu: np.ndarray, body: np.ndarray, spacing: float) -> dict[str, np.ndarray]:
    """`lung_left` and `lung_right` as bool masks on a RAS+ grid, with vessels, without trachea and main bronchi.

    hu: (X, Y, Z) Hounsfield units on isotropic `spacing` mm, body: the filled body. Cores of air that survive an
    erosion of 8 mm and hold more than 100 ml of aerated tissue (mean above -950 HU, unlike bowel gas) are the lungs;
    air belongs to the nearest core. Empty when there are not exactly two cores, one on each side of the body's middle.
    """
    air = (hu < -500) & ndimage.binary_erosion(body, iterations=max(1, round(4 / spacing)))
    deep = ndimage.distance_transform_edt(air, sampling=spacing)
    cores, count = ndimage.label(deep > 8)
    numbers = np.arange(1, count + 1)
    volumes = ndimage.sum_labels(np.ones(hu.shape, np.float32), cores, numbers) * spacing**3 / 1000
    means = ndimage.mean(hu, cores, numbers)
    chosen = [int(n) for n, ml, mean in zip(numbers, volumes, means, strict=True) if ml > 100 and mean > -950]
    if len(chosen) != 2:
        return {}
    middle = np.argwhere(body.any((1, 2))).mean()
    sides = {n: ndimage.center_of_mass(cores == n)[0] - middle for n in chosen}
    left, right = sorted(chosen, key=lambda n: sides[n])
    if sides[left] > 0 or sides[right] < 0:
        return {}
    wanted = np.isin(cores, chosen)
    distance, nearest = ndimage.distance_transform_edt(~wanted, sampling=spacing, return_indices=True)
    owner = cores[tuple(nearest)]
    reached, _ = ndimage.label(air & (distance < 18))
    connected = np.isin(reached, np.unique(reached[wanted])) & (reached > 0)
    result = {}
    for name, core in (("lung_left", left), ("lung_right", right)):
        lung = connected & (owner == core)
        closed = ndimage.binary_closing(np.pad(lung, 4), iterations=max(1, round(5 / spacing)))[
            4:-4, 4:-4, 4:-4
        ]
        result[name] = closed & (hu < 300) & (lung | (owner == core))
    return result
