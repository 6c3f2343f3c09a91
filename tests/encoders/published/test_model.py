import pytest
import torch
from monai.networks.blocks.text_embedding import TextEncoder


@pytest.mark.parametrize("encoding", ["clip_encoding_universal_model_32", "rand_embedding"])
def test_text_features_equal_monai(make_model, encoding):
    learned = encoding == "rand_embedding"
    model = make_model(text_dim=None if learned else 512)
    theirs = TextEncoder(out_channels=32, encoding=encoding, pretrained=False).eval()
    state = {"text_embedding.weight" if learned else "text_embedding": model.embeddings()}
    if not learned:
        state |= {f"text_to_vision.{k}": v for k, v in model.text_to_vision.state_dict().items()}
    theirs.load_state_dict(state)
    with torch.inference_mode():
        expected = theirs().flatten(1)
        torch.testing.assert_close(model.words(model.embeddings()), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["unet", "swin_unetr", "unetpp"])
def test_a_subset_of_classes_has_the_logits_of_all(make_model, name):
    model = make_model(name)
    image = torch.rand(1, 1, 64, 64, 64) if name == "swin_unetr" else torch.rand(1, 1, 32, 32, 32)
    with torch.inference_mode():
        every, some = model(image), model(image, [30, 0, 11])
    assert every.shape == (1, 32, *image.shape[2:])
    torch.testing.assert_close(some, every[:, [30, 0, 11]], atol=1e-4, rtol=0)


def test_channels_last_gives_the_same_logits(make_model):
    model, image = make_model(), torch.rand(1, 1, 32, 16, 24)
    with torch.inference_mode():
        expected = model(image)
        model = model.to(memory_format=torch.channels_last_3d)
        got = model(image.to(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)
