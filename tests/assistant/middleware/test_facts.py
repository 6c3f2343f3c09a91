import pytest

from assistant.middleware.facts import Facts

SIZE = {"kind": "longest_diameter", "value": 24.6, "unit": "mm", "slice_k": 20}


def record(structure, kind, present=True, **changes):
    base = {"structure": structure, "kind": kind, "present": present, "confidence": 0.9, "box": None}
    return base | {"number": 0, "of": 0, "cut_off": [], "location": [], "measurements": []} | changes


@pytest.fixture
def facts():
    tumor = record("pancreas_tumor", "lesion", of=2, number=1, location=["tail of the pancreas"])
    findings = [tumor | {"measurements": [SIZE]}, record("spleen", "organ", present=False)]
    unsupported = [{"structure": "heart", "nearest": ["aorta"]}]
    return Facts.of([{"findings": findings, "unsupported": unsupported, "edges": {"liver": ["top"]}}])


def test_what_was_found_and_what_was_not(facts):
    assert facts.present == {"pancreas_tumor", "liver"}
    assert facts.absent == {"spleen", "heart"}
    assert facts.edges == {"top"}


def test_of_what_may_be_spoken(facts):
    assert {"pancreas", "pancreas_tail", "aorta"} <= facts.mentioned
    assert "stomach" not in facts.mentioned


def test_lesions_are_counted_apart(facts):
    assert 2 in facts.lesion_counts
    assert facts.places["pancreas_tumor"] >= {"pancreas_tail", "pancreas"}


def test_a_place_stands_for_its_lesions_where_one_is_spoken_of(facts):
    tail = [frozenset({"pancreas_tail"})]
    assert facts.about(tail, of_lesion=True) == {"pancreas_tail", "pancreas_tumor"}
    assert facts.about(tail, of_lesion=False) == {"pancreas_tail"}


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "structure", "holds"),
    [
        (24.6, "mm", 1, "pancreas_tumor", True),
        (25, "mm", 0, "pancreas_tumor", True),
        (25.0, "mm", 1, "pancreas_tumor", False),
        (24.6, "ml", 1, "pancreas_tumor", False),
        (24.6, "mm", 1, "spleen", False),
        (90, "%", 0, "spleen", True),
    ],
)
def test_a_number_holds_as_rounded_with_its_unit_and_structure(
    facts, value, unit, decimals, structure, holds
):
    assert facts.has(value, unit, decimals, frozenset({structure})) is holds
