import pytest

from assistant.middleware.repair import calls_in_text, prune


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("no call here { not json }", []),
        (
            '{"name": "segment", "arguments": {}} and {"name": "measure", "parameters": {}}',
            ["segment", "measure"],
        ),
        ('[{"tool": "locate", "args": {}}, {"action": "undo", "action_input": {}}]', ["locate", "undo"]),
        ('{"tool_calls": [{"function": {"name": "detect", "arguments": "{}"}}]}', ["detect"]),
        ('{"name": "rm", "arguments": {"path": "/"}}', []),
    ],
)
def test_calls_are_found_in_text(text, names):
    assert [name for name, _ in calls_in_text(text)] == names


def test_phrases_become_ids_and_unknown_ones_stay():
    assert prune("segment", {"targets": ["the left kidney", "Liver", "flux capacitor"]}) == {
        "targets": ["kidney_left", "liver", "flux capacitor"]
    }


def test_what_makes_no_sense_is_left_out():
    args = {
        "targets": ["pancreas_tumor"],
        "within": "pancreas tail",
        "select": "biggest of all",
        "min_mm": 0,
        "max_mm": -5,
        "rank": "first",
        "unit": "parsec",
        "measures": ["volume", "beauty"],
        "colour": "red",
    }
    assert prune("detect", args) == {
        "targets": ["pancreas_tumor"],
        "within": "pancreas_tail",
        "measures": ["volume"],
    }


def test_a_structure_is_not_within_itself():
    assert "within" not in prune("segment", {"targets": ["liver"], "within": "liver"})
