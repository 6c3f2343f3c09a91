"""bodymaps train: one recipe or several, and what it says when the line does not fit."""

from assistant.cli import run
from encoders.learning import train as module


def test_recipes_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    calls = []

    def train(recipe, data, out, steps, repeat):
        calls.append((recipe.name, repeat))
        return tmp_path / recipe.stem

    monkeypatch.setattr(module, "train", train)
    assert run(["train", "a.yaml", "b.yaml", "--repeat", "--data", str(tmp_path)]) == 0
    assert calls == [("a.yaml", True), ("b.yaml", True)]
    assert capsys.readouterr().out.split() == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_a_folder_is_for_one_recipe(tmp_path, capsys):
    line = ["train", "a.yaml", "b.yaml", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    assert run(line) == 2
    assert "--out and --steps are for one recipe" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_data_must_be_a_folder(tmp_path, capsys):
    assert run(["train", "embedded.yaml", "--data", str(tmp_path / "none")]) == 2
    assert "is not a folder: give the folder of the training data" in capsys.readouterr().err
