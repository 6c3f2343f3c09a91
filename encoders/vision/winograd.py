"""3x3x3 convolutions with half of the products, in full precision.

Winograd's minimal filtering F(4, 3) along the first axis (Winograd, 1980; Lavin & Gray, CVPR 2016): four neighbouring
outputs of a filter with three taps need six products instead of twelve. Each product is here a 3x3 convolution of a
combination of planes. The result is that of the direct convolution up to the rounding of float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 4
"""Output planes of a tile; it reads two more."""
_READ = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_FILTER = torch.tensor([[6.0, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_EVERYWHERE = 1
"""The product that enters every output once: the bias goes with it."""
_PIXELS = 96 * 96
"""Small tiles are joined up to so many pixels a plane: one call then has work enough for the processor."""


class WinogradConv:
    """A 3x3x3 convolution, padded by one voxel of zeros, with constant weights (O, I, 3, 3, 3) and bias (O,)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._direct = weight.detach(), bias.detach()
        self._filters: list[Tensor] = []
        if weight.device.type == "cpu":
            filters = torch.einsum("pk,oikyx->poiyx", _FILTER, weight.detach().float())
            self._filters = [f.contiguous(memory_format=torch.channels_last) for f in filters]

    def __call__(self, x: Tensor) -> Tensor:
        """(B, I, D, H, W) -> (B, O, D, H, W).

        A batch of one in float32 on the CPU, with D divisible by 4, takes the short way, autocast or not; anything
        else the direct one.
        """
        if self._filters and x.dtype == torch.float32 and len(x) == 1 and x.shape[2] % TILE == 0:
            with torch.autocast("cpu", enabled=False):
                return self._short(x[0].permute(1, 2, 3, 0)).permute(3, 0, 1, 2)[None]
        return F.conv3d(x, *self._direct, padding=1)

    def _short(self, x: Tensor) -> Tensor:
        """(D, H, W, I) -> (D, H, W, O)."""
        depth, height, width, _ = x.shape
        bias = self._direct[1]
        padded = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
        out = x.new_empty(depth, height, width, len(bias))
        planes = TILE * max(1, _PIXELS // (height * width))
        for first in range(0, depth, planes):
            tiles = range(first, min(first + planes, depth), TILE)
            read = x.new_empty(len(_READ), len(tiles), *padded.shape[1:])
            for n, start in enumerate(tiles):
                torch.mm(_READ, padded[start : start + TILE + 2].flatten(1), out=read[:, n].flatten(1))
            products = [
                F.conv2d(part.movedim(-1, 1), filters, bias if n == _EVERYWHERE else None, padding=1)
                for n, (part, filters) in enumerate(zip(read, self._filters, strict=True))
            ]
            _write([p.movedim(1, -1) for p in products], out[first : first + planes].unflatten(0, (-1, TILE)))
        return out


def _write(products: list[Tensor], out: Tensor) -> None:
    """The six products (n, H, W, O) of n tiles to their output planes (n, 4, H, W, O); overwrites products.

    Rows of the output transform: 1 1 1 1 1 0, 0 1 -1 2 -2 0, 0 1 1 4 4 0, 0 1 -1 8 -8 1. Sums and differences of the
    inner pairs serve two rows each.
    """
    one, two, three, four = products[1:5]
    near, far = one + two, three + four
    near_step, far_step = one.sub_(two), three.sub_(four)
    torch.add(products[0], near, out=out[:, 0]).add_(far)
    torch.add(near_step, far_step, alpha=2, out=out[:, 1])
    torch.add(near, far, alpha=4, out=out[:, 2])
    torch.add(near_step, far_step, alpha=8, out=out[:, 3]).add_(products[5])
