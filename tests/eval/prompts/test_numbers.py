"""Numbers in texts, and where they may come from."""

import pytest

from eval.prompts.numbers import numbers, unfounded

RESULTS = [
    {
        "tool": "measure",
        "findings": [
            {
                "structure": "liver",
                "confidence": 0.95,
                "slices": [43, 82],
                "typical_ml": [900, 2500],
                "measurements": [{"kind": "volume", "value": 1055.58, "unit": "ml", "slice_k": None}],
                "box": {"world_mm": [[5.0, -55.0, 10.0], [145.0, 65.0, 130.0]]},
            }
        ],
        "phase": {"mean_hu": {"aorta": 160}},
        "lines": ["Something about 777 ml."],
        "method": "below 10 mm by RECIST 1.1",
    }
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("volume 1,056 ml", [(1056, "ml")]),
        ("1.06 l or 2.5 cm", [(1060, "ml"), (25, "mm")]),
        ("158 cc, 12 mm3, 95 %", [(158, "ml"), (0.012, "ml"), (95, "%")]),
        ("-75 HU", [(-75, "HU")]),
        ("T10 to L2 in 3D, slice 12.", [(12, "")]),
        ("18mm", [(18, "mm")]),
        ("none", []),
    ],
)
def test_numbers_with_their_units(text, found):
    assert [(pytest.approx(n.value), n.unit) for n in numbers(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "The liver has 1,056 ml, or 1.06 l.",
        "Slices 43 to 82, 95 % sure; usual 900 ml to 2,500 ml.",
        "The aorta has 160 HU.",
        "Its box runs from (5, -55, 10) to 145 mm.",
        "Below 10 mm.",
        "Nothing above 30 mm was found.",
    ],
)
def test_what_the_results_or_the_user_say_is_founded(text):
    assert unfounded(text, RESULTS, "anything above 3 cm?") == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("The liver has 1,650 ml.", ["1,650 ml"]),
        ("The liver has 1,056 mm.", ["1,056 mm"]),
        ("It lies in slice 99.", ["99"]),
        ("Something about 777 ml.", ["777 ml"]),
        ("The aorta has 160 ml.", ["160 ml"]),
    ],
)
def test_what_they_do_not_say_is_not(text, wrong):
    assert unfounded(text, RESULTS) == wrong
