import pytest

from assistant.middleware.facts import Facts
from assistant.middleware.grounding import ground, structures_in, supported
from prompts.ontology import normalise


def record(structure, present=True, **changes):
    base = {
        "structure": structure,
        "name": structure,
        "label": structure,
        "kind": "organ",
        "number": 0,
        "of": 0,
        "present": present,
        "confidence": 0.9,
        "box": {"voxel": [[1, 2, 3], [40, 50, 60]], "world_mm": [[-10.5, 0.0, 3.0], [55.0, 66.0, 77.0]]}
        if present
        else None,
        "slices": [12, 34] if present else None,
        "cut_off": [],
        "location": [],
        "measurements": [],
        "unmeasurable": [],
        "quality": {"level": "validated", "dice": 0.91, "cases": 1, "note": ""},
    }
    return base | changes


def volume(value):
    return {"kind": "volume", "value": value, "unit": "ml", "slice_k": None}


def length(value, slice_k=20):
    return {"kind": "longest_diameter", "value": value, "unit": "mm", "slice_k": slice_k}


RESULTS = [
    {
        "tool": "measure",
        "findings": [
            record("liver", measurements=[volume(1643.2)], cut_off=["top"]),
            record("kidney_left", measurements=[volume(160.4)]),
            record(
                "pancreas_tumor",
                kind="lesion",
                number=1,
                of=2,
                measurements=[length(24.6)],
                location=["tail of the pancreas"],
            ),
            record("spleen", present=False),
        ],
        "unsupported": [{"structure": "heart", "label": "heart", "kind": "organ", "nearest": []}],
    }
]


@pytest.mark.parametrize(
    "sentence",
    [
        "The liver has a volume of 1643 ml.",
        "The liver has a volume of 1,643 ml.",
        "Liver volume: 1.64 l.",
        "The left kidney has 160.4 cc.",
        "A pancreatic tumor of 2.5 cm is seen on slice 20.",
        "The lesion in the tail of the pancreas measures 24.6 mm.",
        "The spleen was not found.",
        "The heart cannot be segmented.",
        "The liver is cut off at the top of the scan.",
        "Here is what I found.",
        "The Dice of the model is 0.91.",
        "It lies between slices 12 and 34.",
    ],
)
def test_what_the_results_say_may_be_said(sentence):
    assert supported(sentence, Facts.of(RESULTS))


@pytest.mark.parametrize(
    "sentence",
    [
        "The liver has a volume of 1700 ml.",
        "The liver has a volume of 1643 mm.",
        "The left kidney has a volume of 1643 ml.",
        "The right kidney has a volume of 160.4 ml.",
        "The kidney on the right has 160.4 ml.",
        "The gallbladder is normal in size.",
        "The spleen is present.",
        "No liver was found.",
        "A pancreatic tumor of 2.46 mm is seen.",
        "Three lesions are seen.",
        "The lesion is malignant.",
        "This is probably PDAC.",
        "The heart is enlarged.",
        "The tumor is in the head of the pancreas.",
        "The liver is 1643.",
        "The tumor measures 24.6 mm on slice 99.",
    ],
)
def test_what_no_result_says_may_not(sentence):
    assert not supported(sentence, Facts.of(RESULTS))


def test_sentences_are_judged_one_by_one():
    kept, removed = ground("The liver has 1643 ml. The liver has 2.5 l!\nThe spleen was not found.", RESULTS)
    assert kept == ["The liver has 1643 ml.", "The spleen was not found."]
    assert removed == ["The liver has 2.5 l!"]


def test_nothing_holds_without_results():
    assert ground("The liver is 12 cm long.", [])[0] == []
    assert ground("Hello, how can I help?", [])[1] == []


def test_longest_name_wins():
    (ids,) = structures_in(normalise("the tail of the pancreas"))
    assert ids == {"pancreas_tail"}


COMPARED = [
    {
        "tool": "compare",
        "findings": [record("liver_tumor", kind="lesion", number=1, of=1, measurements=[length(30.0)])],
        "prior": {
            "findings": [record("liver_tumor", kind="lesion", number=1, of=1, measurements=[length(25.0)])]
        },
        "changes": [
            {
                "structure": "spleen",
                "before": 200.0,
                "after": 180.0,
                "unit": "ml",
                "difference": -20.0,
                "percent": -10.0,
            }
        ],
        "lesions": [
            {
                "structure": "liver_tumor",
                "status": "paired",
                "changes": [
                    {"before": 25.0, "after": 30.0, "unit": "mm", "difference": 5.0, "percent": 20.0},
                ],
            }
        ],
        "response": {"before_mm": 25.0, "after_mm": 30.0, "percent": 20.0, "targets": [{}]},
    }
]


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        ("The liver tumor grew from 25 mm to 30 mm.", True),
        ("The liver tumor grew by 20 %.", True),
        ("The liver tumor was 22 mm before.", False),
        ("The liver tumor grew by 35 %.", False),
        ("Two lesions are new.", False),
        ("One target lesion, sum 30 mm.", True),
    ],
)
def test_changes_since_the_prior_are_sources(sentence, holds):
    assert supported(sentence, Facts.of(COMPARED)) is holds


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        ("The pancreas is cut off at the bottom.", True),
        ("The stomach was not found.", True),
        ("The stomach is seen whole.", False),
        ("The heart is seen whole.", False),
    ],
)
def test_a_description_is_a_source(sentence, holds):
    described = [
        {"tool": "describe", "edges": {"pancreas": ["bottom"]}, "seen": ["liver"], "missing": ["stomach"]}
    ]
    assert supported(sentence, Facts.of(described)) is holds


def test_coordinates_are_points_and_never_lengths():
    facts = Facts.of(RESULTS)
    assert supported("The box of the liver runs from (-10.5, 0, 3) to (55, 66, 77) mm.", facts)
    assert supported("Liver: [55.0, 66.0, 77.0].", facts)
    assert not supported("The liver is in a box of 55mm x 66mm x 77mm.", facts)
    assert not supported("The liver measures 77 mm.", facts)
    assert not supported("The box of the liver ends at (55, 66, 78) mm.", facts)
