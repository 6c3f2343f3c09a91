import pytest

from assistant.planner import plan
from assistant.planner.units import suits, to_mm


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("over 1 cm", 10.0, None),
        ("≥ 8 mm", 8.0, None),
        ("at least 2cm", 20.0, None),
        ("larger than 1.5 cm", 15.0, None),
        ("of 6 mm or more", 6.0, None),
        ("smaller than 5 mm", None, 5.0),
        ("up to 2 cm", None, 20.0),
        ("between 1 and 3 cm", 10.0, 30.0),
        ("from 5 to 15 mm", 5.0, 15.0),
        ("bigger than half an inch", 12.7, None),
        ("over one centimetre", 10.0, None),
        ("under 1,5 cm", None, 15.0),
    ],
)
def test_bounds_in_millimetres(text: str, low: float | None, high: float | None) -> None:
    (call,) = plan(f"liver lesions {text}").calls
    assert call.targets == ("liver_tumor",)
    assert (call.args["min_mm"], call.args["max_mm"]) == (low, high)


def test_a_size_that_is_only_told_bounds_nothing() -> None:
    (call,) = plan("segment the 3 cm lesion in the liver").calls
    assert (call.args["min_mm"], call.args["max_mm"]) == (None, None)


def test_units() -> None:
    assert to_mm(1, "inch") == pytest.approx(25.4)
    assert to_mm(7, None) == 7
    assert to_mm(5, "ml") is None
    assert suits("cc", "volume")
    assert not suits("mm", "volume")
    assert suits("cm", "longest_diameter")


def test_a_unit_that_does_not_fit_is_asked_about() -> None:
    assert plan("volume of the liver in cm").status == "clarify"
