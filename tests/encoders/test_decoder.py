"""The text-conditioned decoder against an independent numpy computation, and the independence of its classes."""

import numpy as np
import pytest
import torch

from encoders.decoder import AT_ONCE, TextConditionedDecoder


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return TextConditionedDecoder(32, 16, text_dim=12, hidden=10).eval()


@pytest.fixture
def features(decoder):
    torch.manual_seed(1)
    return decoder.features(torch.randn(2, 32, 2, 2, 2), torch.randn(2, 16, 4, 5, 6))


def test_controller_has_the_published_number_of_parameters():
    decoder = TextConditionedDecoder(512, 64)
    assert decoder.controller.out_channels == 153
    assert tuple(decoder.controller.weight.shape) == (153, 512, 1, 1, 1)
    assert tuple(decoder.precls_conv[2].weight.shape) == (8, 64, 1, 1, 1)
    assert tuple(decoder.GAP[3].weight.shape) == (256, 512, 1, 1, 1)


def test_matches_numpy(decoder, features):
    text = torch.randn(3, 12)
    with torch.no_grad():
        logits = decoder.decode(features, text).numpy()
    weight = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    for b in range(2):
        for c in range(3):
            words = np.maximum(
                weight["text_to_vision.weight"] @ text[c].numpy() + weight["text_to_vision.bias"], 0
            )
            joint = np.concatenate([features.image[b].detach().numpy(), words])
            p = weight["controller.weight"][:, :, 0, 0, 0] @ joint + weight["controller.bias"]
            w1, w2, w3 = p[:64].reshape(8, 8), p[64:128].reshape(8, 8), p[128:136]
            b1, b2, b3 = p[136:144], p[144:152], p[152]
            x = features.voxels[b].detach().numpy().reshape(8, -1)
            x = np.maximum(w1 @ x + b1[:, None], 0)
            x = np.maximum(w2 @ x + b2[:, None], 0)
            np.testing.assert_allclose(logits[b, c].ravel(), w3 @ x + b3, atol=1e-5)


def test_a_subset_of_classes_has_the_same_logits(decoder, features):
    text = torch.randn(7, 12)
    with torch.no_grad():
        every = decoder.decode(features, text)
        some = decoder.decode(features, text[[5, 2]])
    torch.testing.assert_close(some, every[:, [5, 2]], atol=1e-5, rtol=0)


def test_other_head_shapes():
    decoder = TextConditionedDecoder(32, 16, text_dim=4, hidden=6, head_channels=(16, 4)).eval()
    features = decoder.features(torch.randn(1, 32, 1, 1, 1), torch.randn(1, 16, 3, 3, 3))
    assert decoder.decode(features, torch.randn(2, 4)).shape == (1, 2, 3, 3, 3)
    assert decoder.controller.out_channels == 16 * 4 + 4 + 4 + 1


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_many_voxels_are_read_in_parts_with_the_same_result(slope):
    decoder = TextConditionedDecoder(8, 8, text_dim=4, hidden=8, groups=4, slope=slope)
    features, text = (
        decoder.features(torch.randn(1, 8, 2, 2, 2), torch.randn(1, 8, 24, 20, 24)),
        torch.randn(3, 4),
    )
    whole = decoder.decode(features, text)[0]  # with gradients, at once
    assert whole[0].numel() > 2 * AT_ONCE
    with torch.no_grad():
        assert torch.allclose(decoder.decode(features, text)[0], whole, atol=1e-5)
        some = torch.tensor([11_000, 3, 4_097])
        assert torch.allclose(decoder.decode_at(features, text, some), whole.flatten(1)[:, some], atol=1e-5)
