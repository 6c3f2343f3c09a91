"""Normalisation of large maps against double precision."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from encoders.vision.statistics import batch_norm, group_norm, lossy, moments


@pytest.fixture
def scan():
    """Maps of a million voxels, a third of them nearly constant, as air in a window is."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 96, 96, 96, generator=generator)
    x[:, :, :32] *= 0.05
    x = 0.07 * x + torch.tensor([3.0, -1.0, 0.1, 0.0]).reshape(1, -1, 1, 1, 1)
    return x.to(memory_format=torch.channels_last_3d)


@torch.inference_mode()
def test_moments_equal_those_in_double_precision(scan):
    mean, variance = moments(scan)
    torch.testing.assert_close(mean.double(), scan.double().mean((0, 2, 3, 4)), atol=1e-6, rtol=1e-6)
    exact = scan.double().var((0, 2, 3, 4), unbiased=False)
    torch.testing.assert_close(variance.double(), exact, atol=0, rtol=1e-5)


@torch.inference_mode()
def test_both_normalisations_are_exact(scan):
    norms = nn.BatchNorm3d(4), nn.GroupNorm(2, 4)
    for norm in norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    batch, group = norms
    assert lossy(scan)
    weights = batch.weight.double(), batch.bias.double()
    expected = F.batch_norm(scan.double(), None, None, *weights, training=True, eps=batch.eps)
    torch.testing.assert_close(batch_norm(scan, batch).double(), expected, atol=1e-4, rtol=0)
    expected = F.group_norm(scan.double(), 2, group.weight.double(), group.bias.double(), group.eps)
    torch.testing.assert_close(group_norm(scan, group).double(), expected, atol=1e-4, rtol=0)


def test_only_what_needs_it_is_lossy(scan):
    assert not lossy(scan)  # gradients are on
    with torch.inference_mode():
        assert lossy(scan)
        assert not lossy(scan.contiguous())
        assert not lossy(torch.cat([scan, scan]))
