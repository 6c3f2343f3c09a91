"""The short way of a 3x3x3 convolution against the direct one in double precision."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.vision.winograd import WinogradConv


def case(inside, outside, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, inside, *size, generator=generator).to(memory_format=torch.channels_last_3d)
    weight = torch.randn(outside, inside, 3, 3, 3, generator=generator) / (27 * inside) ** 0.5
    bias = torch.randn(outside, generator=generator)
    return x, weight, bias, F.conv3d(x.double(), weight.double(), bias.double(), padding=1)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.tuples(st.integers(1, 26), st.integers(1, 13), st.integers(1, 13)),
)
@torch.inference_mode()
def test_it_equals_the_direct_convolution(inside, outside, size):
    x, weight, bias, expected = case(inside, outside, size)
    found = WinogradConv(weight, bias)(x)
    torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_tiles_of_large_planes_are_not_joined_and_give_the_same():
    x, weight, bias, expected = case(3, 2, (8, 97, 96))
    torch.testing.assert_close(WinogradConv(weight, bias)(x).double(), expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_autocast_does_not_reach_it():
    x, weight, bias, _ = case(16, 16, (8, 8, 8))
    conv = WinogradConv(weight, bias)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(x)
    assert torch.equal(found, conv(x))


@torch.inference_mode()
def test_batches_go_the_direct_way():
    x, weight, bias, _ = case(4, 5, (6, 8, 8))
    twice = torch.cat([x, x])
    assert torch.equal(WinogradConv(weight, bias)(twice), F.conv3d(twice, weight, bias, padding=1))
