"""3x3x3 convolutions with fewer than half of the products, in full precision.

Winograd's minimal filtering F(6, 3) along the first axis (Winograd, 1980; Lavin & Gray, CVPR 2016): six neighbouring
outputs of a filter with three taps need eight products instead of eighteen. Each product is here a 3x3 convolution of
a combination of planes. The result is that of the direct convolution up to the rounding of float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 6
"""Output planes of a tile; it reads two more."""
_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Where the polynomials of Toom and Cook's multiplication are evaluated, besides infinity."""


def _powers(count: int) -> Tensor:
    """(8, count) powers 0, 1, .. of each point; of infinity only the highest counts."""
    finite = torch.tensor(_POINTS, dtype=torch.float64)[:, None] ** torch.arange(count)
    return torch.cat([finite, torch.eye(count, dtype=torch.float64)[-1:]])


def _transforms() -> tuple[Tensor, Tensor]:
    """(8, 8) of the planes that a tile reads and (8, 3) of the filter's taps.

    The transposed multiplication of polynomials: inverse and plain evaluation. Each row of the first is scaled to
    simple numbers, and the second the other way.
    """
    scale = [torch.tensor([p - q for q in _POINTS if q != p], dtype=torch.float64).prod() for p in _POINTS]
    rows = torch.stack([*scale, torch.ones((), dtype=torch.float64)])[:, None]
    return (_powers(TILE + 2).inverse().T * rows).float(), (_powers(3) / rows).float()


_READ, _FILTER = _transforms()
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

        A batch of one in float32 on the CPU takes the short way, autocast or not; anything else the direct one.
        """
        if self._filters and x.dtype == torch.float32 and len(x) == 1:
            with torch.autocast("cpu", enabled=False):
                return self._short(x[0].permute(1, 2, 3, 0)).permute(3, 0, 1, 2)[None]
        return F.conv3d(x, *self._direct, padding=1)

    def _short(self, x: Tensor) -> Tensor:
        """(D, H, W, I) -> (D, H, W, O). The last tile may reach past the map, into zeros."""
        length, height, width, _ = x.shape
        bias = self._direct[1]
        depth = -(-length // TILE) * TILE
        padded = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1 + depth - length))
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
        return out[:length]


def _write(products: list[Tensor], out: Tensor) -> None:
    """The eight products (n, H, W, O) of n tiles to their output planes (n, 6, H, W, O); overwrites products.

    Plane k is the sum of the products, each times the k-th power of its point: sums of the products at p and -p serve
    the even planes, their differences the odd ones.
    """
    pairs = [(products[n] + products[n + 1], products[n].sub_(products[n + 1])) for n in (1, 3, 5)]
    for k in range(TILE):
        one, two, half = (pair[k % 2] for pair in pairs)
        torch.add(one, two, alpha=2**k, out=out[:, k]).add_(half, alpha=0.5**k)
    out[:, 0].add_(products[0])
    out[:, -1].add_(products[-1])
