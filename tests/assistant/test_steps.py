from assistant.answer import Answer
from assistant.steps import Step, Steps


def taken(*names: str) -> Steps:
    steps = Steps()
    for name in names:
        steps.add(Step(Answer(name, "act", ""), ([f"before {name}"], {}), ([f"after {name}"], {})))
    return steps


def test_back_goes_to_the_state_before_the_earliest_step_taken_back():
    steps = taken("a", "b", "c")
    assert steps.back(2) == (["before b"], {})
    assert [step.answer.request for step in steps.done] == ["a"]


def test_forth_makes_the_steps_again_in_order():
    steps = taken("a", "b", "c")
    steps.back(3)
    assert steps.forth(2) == (["after b"], {})
    assert [step.answer.request for step in steps.done] == ["a", "b"]


def test_no_more_is_taken_back_or_made_again_than_there_is():
    steps = taken("a")
    assert steps.back(5) == (["before a"], {})
    assert steps.back(1) is None
    assert steps.forth(5) == (["after a"], {})
    assert steps.forth(1) is None


def test_a_new_step_ends_what_could_be_made_again():
    steps = taken("a", "b")
    steps.back(1)
    steps.add(Step(Answer("c", "act", ""), ([], {}), ([], {})))
    assert not steps.undone
