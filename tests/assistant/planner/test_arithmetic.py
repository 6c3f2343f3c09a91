"""Operators between two measured things compare them; elsewhere they leave out or join."""

import pytest

from assistant.planner import plan


def only(text):
    (call,) = plan(text).calls
    return call.tool, set(call.targets), call.args.get("measures")


@pytest.mark.parametrize(
    "text",
    [
        "liver HU minus spleen HU",
        "mean_hu(liver) - mean_hu(spleen)",
        "liver.mean_hu / spleen.mean_hu",
        "HU of the liver divided by HU of the spleen",
    ],
)
def test_a_difference_or_quotient_compares(text):
    assert only(text) == ("compare", {"liver", "spleen"}, ["mean_hu"])


def test_minus_without_measures_leaves_out():
    assert only("segment the kidneys minus the left one") == ("segment", {"kidney_right"}, [])


def test_a_dash_of_dictation_is_no_operator():
    assert only("liver - volume, HU") == ("measure", {"liver"}, ["volume", "mean_hu"])
