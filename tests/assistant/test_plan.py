import pytest

from assistant.plan import Call, Plan, query_args


def test_the_json_has_the_keys_of_the_contract() -> None:
    made = Plan(
        "measure the liver", "act", (Call("measure", query_args(["liver"], ["volume"])),), "", "liver"
    )
    record = made.to_dict()
    assert list(record)[:4] == ["request", "status", "calls", "text"]
    assert record["calls"] == [
        {
            "tool": "measure",
            "args": {
                "targets": ["liver"],
                "measures": ["volume"],
                "within": None,
                "select": "all",
                "min_mm": None,
                "max_mm": None,
            },
        }
    ]
    assert Plan.from_dict(record).to_dict() == record


def test_extra_arguments_come_after_and_only_when_set() -> None:
    args = query_args(["liver_tumor"], select="largest", rank=2, unit=None)
    assert list(args)[6:] == ["rank"]


def test_what_is_no_tool_or_status_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown tool"):
        Call("operate")
    with pytest.raises(ValueError, match="unknown status"):
        Plan("x", "maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has status act"):
        Plan("x", "chat", (Call("undo"),))


def test_the_state_of_a_call_survives_a_round_trip() -> None:
    call = Call("measure", query_args(["liver"], ["volume"]), ("size",), (("liver",),))
    assert Call.from_dict(call.state()) == call
