"""The typing errors of the suite are as many as it says."""

from collections import defaultdict

from rapidfuzz.distance import OSA

from eval.prompts.cases import load_suites


def test_every_phrasing_is_as_far_from_the_clean_one_as_it_says():
    (suite,) = load_suites("typo_distance")
    groups = defaultdict(dict)
    for case in suite.cases:
        groups[case.group].setdefault(case.edits, []).append(case.turns[0].user)
    for levels in groups.values():
        (clean,) = levels[0]
        for edits, phrasings in levels.items():
            assert [OSA.distance(clean, phrasing) for phrasing in phrasings] == [edits] * len(phrasings)
