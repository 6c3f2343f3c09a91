"""A class added by its text, and learned without touching the others."""

import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.published import checkpoints
from encoders.published.extend import fine_tune_class, with_class


def scan(size=24):
    torch.manual_seed(3)
    return torch.nn.functional.avg_pool3d(torch.rand(1, 1, size, size, size), 3, 1, 1)


def test_a_class_more_leaves_the_others_alone(make_model):
    model = make_model()
    embedding = torch.randn(512)
    grown = with_class(model, embedding)
    image = scan()
    with torch.inference_mode():
        assert torch.equal(grown(image, range(32)), model(image, range(32)))
    assert grown.layout.classes == 33
    assert torch.equal(grown.embeddings([32])[0], embedding)
    with pytest.raises(BodyMapsError, match="512 numbers"):
        with_class(model, torch.randn(7))


@pytest.mark.parametrize("text_dim", [512, None])
def test_fine_tuning_learns_the_new_class_only(make_model, tmp_path, text_dim):
    model = make_model(text_dim=text_dim)
    grown = with_class(model, torch.randn(text_dim or 256))
    image = scan()
    with torch.no_grad():  # what another class finds is what the new one shall learn
        known = model(image)[0] > 0
    share = known.float().mean(dim=(1, 2, 3))
    target = known[int((share - 0.3).abs().argmin())]
    before = {k: v.clone() for k, v in grown.state_dict().items()}
    losses = fine_tune_class(grown, 32, [(image, target)] * 80)
    with torch.inference_mode():
        found = grown(image, [32])[0, 0] > 0
    assert losses[-1] < 0.5 * losses[0]
    assert 2 * (found & target).sum() / (found.sum() + target.sum()) > 0.75
    for key, value in grown.state_dict().items():
        same = value[:32] if key.startswith("organ_embedding") else value
        assert torch.equal(same, before[key][:32] if key.startswith("organ_embedding") else before[key])
    path = tmp_path / "grown.pth"
    checkpoints.save(grown, path)
    again, report = checkpoints.load(path)
    assert report.complete
    assert again.layout.classes == 33
