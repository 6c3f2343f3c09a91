"""One training run: its rate, where it starts, and how it goes on after a stop."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from encoders.learning import trainer as module
from encoders.learning.recipe import read_recipe
from encoders.learning.trainer import Trainer, adopt, learning_rate
from encoders.universal import UniversalModel


@pytest.fixture
def recipe(data, monkeypatch):
    monkeypatch.setenv("BODYMAPS_CACHE", str(data / "cache"))
    return read_recipe(data / "first.yaml")


def test_the_rate_warms_up_stays_and_cools_down():
    rates = [learning_rate(step, 100, 10, 20) for step in range(101)]
    assert rates[0] == 0.1
    assert set(rates[9:81]) == {1.0}
    assert rates[90] == 0.5
    assert rates[100] == 0


def test_weights_are_taken_over_by_name(tiny_model):
    torch.manual_seed(1)
    config = type(tiny_model.config)(
        **{**tiny_model.config.__dict__, "structures": ("spleen", "liver", "pancreas")}
    )
    model = UniversalModel(config)
    own = model.class_embedding.detach().clone()
    adopt(model, tiny_model, fresh=["liver"])
    assert torch.equal(model.class_embedding[0], tiny_model.class_embedding[1])
    assert torch.equal(model.class_embedding[1:], own[1:])
    assert torch.equal(model.backbone.refine.weight, tiny_model.backbone.refine.weight)


def test_what_the_weights_do_not_know_is_said_in_the_words_of_others(tiny_model):
    torch.manual_seed(1)
    three, two = (
        UniversalModel(replace(tiny_model.config, structures=names))
        for names in (("spleen", "liver", "pancreas"), ("spleen", "pancreas"))
    )
    adopt(three, tiny_model, words=two)
    assert torch.equal(three.class_embedding[0], tiny_model.class_embedding[1])  # not those of `words`
    assert torch.equal(three.class_embedding[1], tiny_model.class_embedding[0])
    assert torch.equal(three.class_embedding[2], two.class_embedding[1])


def test_the_same_seed_gives_the_same_steps(recipe, data, monkeypatch):
    """In float32: gradients of bfloat16 kernels on the CPU differ from run to run."""
    monkeypatch.setattr(module, "mixed_precision", nullcontext)
    steps, ends = [], []
    for name in "ab":
        trainer = Trainer(recipe, data, data / name)
        steps.append([trainer.iterate() for _ in range(2)])
        ends.append(trainer.model.class_embedding)
    assert steps[0] == steps[1]
    assert torch.equal(*ends)


def test_a_stopped_run_goes_on_where_it_was(recipe, data):
    trainer = Trainer(recipe, data, data / "run")
    trainer.iterate()
    (data / "run").mkdir()
    trainer.save()
    again = Trainer(recipe, data, data / "run")
    assert again.step == 1
    for name in ("model", "average", "auxiliary"):
        before, after = getattr(trainer, name).state_dict(), getattr(again, name).state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert again.optimiser.state_dict()["state"].keys() == trainer.optimiser.state_dict()["state"].keys()
    again.run()
    assert again.step == 2
    assert [json.loads(line)["step"] for line in (data / "run" / "log.jsonl").read_text().splitlines()] == [2]
    state = torch.load(data / "run" / "state.pt", weights_only=True)
    assert set(state) == {"model", "average", "auxiliary", "optimiser", "step"}


def test_a_step_without_finite_gradients_changes_nothing(recipe, data):
    trainer = Trainer(recipe, data, data / "run")
    before = trainer.model.backbone.refine.weight.detach().clone()
    trainer._descend(trainer.model.backbone.refine.weight.sum() * float("nan"))
    assert trainer.step == 1
    assert torch.equal(trainer.model.backbone.refine.weight, before)


def test_a_phase_raises_the_weight_of_some_structures(recipe, data):
    recipe["phases"] = [{**recipe["phases"][-1], "balance": 0.1, "raises": {"spleen": 0.4}}]
    trainer = Trainer(recipe, data, data / "run")
    names = trainer.model.config.structures
    expected = [0.4 if name == "spleen" else 0.1 for name in names]
    assert "spleen" in names
    assert trainer._balance.tolist() == pytest.approx(expected)
    trainer.iterate()
    assert trainer.step == 1
