"""Facts of the prompt templates."""

from importlib.resources import files

import yaml

TEMPLATES = yaml.safe_load(
    files("prompts").joinpath("templates/prompt_templates.yaml").read_text(encoding="utf-8")
)


def test_every_template_takes_exactly_one_name():
    sentences = TEMPLATES["templates"]
    assert len(sentences) == len(set(sentences)) >= 24
    for sentence in sentences:
        assert sentence.count("{name}") == 1
        assert sentence.format(name="liver").count("liver") == 1
    assert TEMPLATES["templates"][0] == "A computerized tomography of a {name}"
