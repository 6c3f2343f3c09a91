"""Facts of the ontology's data, and the small code that reads it."""

import pickle
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from prompts.ontology import KINDS, Ontology, normalise, ontology, record

ONTOLOGY = ontology()
FACTS = yaml.safe_load(Path(__file__).with_name("facts.yaml").read_text(encoding="utf-8"))
SIDES = ("left", "right")
LEVELS = [f"{part}{n}" for part, count in (("C", 7), ("T", 12), ("L", 5)) for n in range(1, count + 1)]
TOTALSEGMENTATOR = {
    *FACTS["totalsegmentator"]["plain"],
    *(f"{id}_{side}" for id in FACTS["totalsegmentator"]["sided"] for side in SIDES),
    *(f"vertebrae_{level}" for level in LEVELS),
    *(f"rib_{side}_{n}" for side in SIDES for n in range(1, 13)),
}
MEANINGS = {(code.value, code.meaning) for code in codes.SCT.concepts.values()}


def test_known_classes_are_present():
    universal, version_1 = set(FACTS["universal_model"]), set(FACTS["totalsegmentator"]["version_1"])
    assert len(TOTALSEGMENTATOR) == 117
    assert len(universal) == 32
    assert not (TOTALSEGMENTATOR | version_1 | universal | set(FACTS["contract"])) - set(ONTOLOGY)
    assert all(not ONTOLOGY[id].children for id in TOTALSEGMENTATOR | version_1)


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        ("liver", "organ"),
        ("heart", "organ"),
        ("aorta", "vessel"),
        ("vertebrae_L3", "bone"),
        ("iliopsoas_left", "muscle"),
        ("kidney_cyst_left", "lesion"),
        ("pancreas_tail", "region"),
        ("lung_left", "group"),
    ],
)
def test_kind(id, kind):
    assert ONTOLOGY[id].kind == kind


def test_every_kind_is_known():
    assert {s.kind for s in ONTOLOGY.values()} == set(KINDS)


def test_only_groups_have_children_and_every_link_exists():
    for s in ONTOLOGY.values():
        assert bool(s.children) == (s.kind == "group"), s.id
        assert bool(s.within) == (s.kind in {"region", "lesion"}), s.id
        assert all(other in ONTOLOGY for other in (*s.children, *s.parents, *s.within)), s.id
        assert all(s.id in ONTOLOGY[child].parents for child in s.children), s.id
        assert all(s.id in ONTOLOGY[parent].children for parent in s.parents), s.id


def test_leaves():
    assert ONTOLOGY.leaves("liver") == ("liver",)
    right_lobes = tuple(f"lung_{lobe}_lobe_right" for lobe in ("upper", "middle", "lower"))
    assert ONTOLOGY.leaves("lung_right") == right_lobes
    assert ONTOLOGY.leaves("vertebrae") == tuple(f"vertebrae_{level}" for level in LEVELS)
    assert len(ONTOLOGY.leaves("ribs")) == 24
    assert len(ONTOLOGY.leaves("lungs")) == 5
    assert {"sacrum", "rib_left_12", "skull"} < set(ONTOLOGY.leaves("bones"))
    for id in ONTOLOGY:
        leaves = ONTOLOGY.leaves(id)
        assert len(set(leaves)) == len(leaves)
        assert all(not ONTOLOGY[leaf].children for leaf in leaves)


def test_sides_agree_with_ids():
    for s in ONTOLOGY.values():
        assert re.findall(r"left|right", s.id) in ([s.side], []), s.id
        if s.side and s.kind == "group":
            assert {ONTOLOGY[leaf].side for leaf in ONTOLOGY.leaves(s.id)} == {s.side}


def test_counterparts_are_symmetric():
    pairs = {id: other for id in ONTOLOGY if (other := ONTOLOGY.counterpart(id))}
    assert pairs["rib_left_7"] == "rib_right_7"
    assert not {"lung_middle_lobe_right", "lingula", "liver"} & set(pairs)
    for id, other in pairs.items():
        assert pairs[other] == id
        assert {ONTOLOGY[id].side, ONTOLOGY[other].side} == {"left", "right"}
        assert ONTOLOGY[id].kind == ONTOLOGY[other].kind


def test_no_two_structures_share_a_name():
    owners = defaultdict(set)
    for id in ONTOLOGY:
        for phrase in (id, *ONTOLOGY.names(id)):
            owners[normalise(phrase)].add(id)
    assert {phrase for phrase, ids in owners.items() if len(ids) > 1} == set(FACTS["ambiguous"])
    assert set(ONTOLOGY.exact("PV")) == {"portal_vein_and_splenic_vein", "pulmonary_vein"}


def test_synonyms_are_lower_case_american_and_not_repeated():
    for s in ONTOLOGY.values():
        names = ONTOLOGY.names(s.id)
        plain = [normalise(name) for name in names]
        assert len(set(plain)) == len(plain), s.id
        assert [re.sub(r"[-\s]+", " ", name.lower()) for name in names] == plain, s.id
        assert all(synonym == synonym.lower() for synonym in s.synonyms), s.id


def test_codes_are_known_and_one_concept_a_side():
    elsewhere = {str(code) for source in FACTS["codes_elsewhere"].values() for code in source}
    known = elsewhere | {value for value, _ in MEANINGS}
    for s in ONTOLOGY.values():
        assert set(s.codes) <= {"SCT"}
        assert all(code in known and _verhoeff(code) for code in s.codes.values()), s.id
    counts = Counter((s.codes["SCT"], s.side) for s in ONTOLOGY.values() if s.codes and s.kind != "group")
    assert counts.most_common(1)[0][1] == 1
    assert all(ONTOLOGY[id].codes for id in TOTALSEGMENTATOR)


def _verhoeff(code: str) -> bool:
    """Return whether the last digit is the Verhoeff check digit that SNOMED CT identifiers end with."""
    step = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for position, figure in enumerate(map(int, reversed(code))):
        digit = figure
        for _ in range(position % 8):
            digit = step[digit]
        check = _dihedral(check, digit)
    return check == 0


def _dihedral(a: int, b: int) -> int:
    """Return the product of two elements of the dihedral group of order 10."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def test_check_digit_finds_a_typing_error():
    assert _verhoeff("10200004")
    assert not _verhoeff("10200005")
    assert not _verhoeff("12000004")


@pytest.mark.parametrize(("id", "meaning"), FACTS["meanings"].items())
def test_code_means_what_the_name_says(id, meaning):
    assert (ONTOLOGY[id].codes["SCT"], meaning) in MEANINGS


@pytest.mark.parametrize("level", LEVELS)
def test_vertebra_code_means_its_level(level):
    assert (ONTOLOGY[f"vertebrae_{level}"].codes["SCT"], f"{level} vertebra") in MEANINGS


def test_colours_are_rgb_and_distinct():
    colours = Counter(s.colour for s in ONTOLOGY.values() if s.kind != "group")
    assert colours.most_common(1)[0][1] == 1
    assert all(len(s.colour) == 3 and all(0 <= c <= 255 for c in s.colour) for s in ONTOLOGY.values())


def test_typical_ranges_are_ordered_and_possible():
    for s in ONTOLOGY.values():
        if s.hu:
            assert -1024 <= s.hu[0] < s.hu[1] <= 3071, s.id
        if s.volume_ml:
            assert 0 < s.volume_ml[0] < s.volume_ml[1] < 10_000, s.id


@pytest.mark.parametrize(
    "id", ["liver", "spleen", "kidney_left", "pancreas", "aorta", "lungs", "femur_right"]
)
def test_common_structures_have_typical_ranges(id):
    assert ONTOLOGY[id].hu
    assert ONTOLOGY[id].volume_ml


def test_parts_fit_into_their_whole():
    for s in ONTOLOGY.values():
        parts = [ONTOLOGY[child].volume_ml for child in s.children]
        if s.volume_ml and parts and all(parts):
            assert s.volume_ml[0] >= max(low for low, _ in parts), s.id
            assert s.volume_ml[1] <= sum(high for _, high in parts), s.id


@pytest.mark.parametrize(("phrase", "id"), FACTS["phrases"].items())
def test_what_people_say(phrase, id):
    assert ONTOLOGY.exact(phrase) == (id,)


@pytest.mark.parametrize("phrase", FACTS["unknown"])
def test_unknown_phrases_mean_nothing(phrase):
    assert ONTOLOGY.exact(phrase) == ()


@given(
    id=st.sampled_from(sorted(ONTOLOGY)),
    pick=st.integers(0),
    change=st.sampled_from([str.upper, str.title, str.lower]),
    gap=st.sampled_from([" ", "  ", "_", "-", ", ", "\t"]),
)
def test_every_name_leads_back_to_its_structure(id, pick, change, gap):
    names = ONTOLOGY.names(id)
    phrase = change(names[pick % len(names)]).replace(" ", gap)
    assert id in ONTOLOGY.exact(f" {phrase}. ")


@given(st.text())
def test_normalise_is_idempotent(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Kidney_Left", "kidney left"),
        ("tumours", "tumors"),
        ("left-sided  mass!", "left sided mass"),
        ("couinaud's", "couinauds"),
        ("Œsophagus", "esophagus"),
        ("rein gauché", "rein gauche"),
        ("L3/L4", "l3 l4"),
    ],
)
def test_normalise(text, plain):
    assert normalise(text) == plain


def test_lesions_know_their_hosts():
    assert ONTOLOGY["kidney_tumor"].within == ("kidney_left", "kidney_right")
    assert ONTOLOGY["lung_tumor"].within == ("lung_left", "lung_right")
    assert ONTOLOGY.lesions_of("liver")[0] == "liver_tumor"
    assert "pancreas_tumor" in ONTOLOGY.lesions_of("pancreas_tail")
    assert "lung_tumor" in ONTOLOGY.lesions_of("lung_upper_lobe_left")
    assert "kidney_cyst_left" in ONTOLOGY.lesions_of("kidney_left")
    assert "kidney_cyst_right" not in ONTOLOGY.lesions_of("kidney_left")
    assert {"kidney_tumor", "kidney_cyst"} <= set(ONTOLOGY.lesions_of("kidneys"))
    assert ONTOLOGY.lesions_of("trachea") == ()


def test_regions_know_their_hosts():
    assert ONTOLOGY["pancreas_tail"].within == ("pancreas",)
    assert ONTOLOGY["kidney_upper_pole_left"].within == ("kidney_left",)
    assert ONTOLOGY.regions_of("pancreas")[:3] == ("pancreas_head", "pancreas_body", "pancreas_tail")
    assert {"heart_atrium_left", "heart_myocardium"} < set(ONTOLOGY.regions_of("heart"))
    assert ONTOLOGY.regions_of("spleen") == ()


@pytest.mark.parametrize(
    ("id", "adjective"),
    [
        ("liver", "hepatic"),
        ("kidneys", "renal"),
        ("lungs", "pulmonary"),
        ("bones", "osseous"),
        ("spleen", "splenic"),
    ],
)
def test_adjectives(id, adjective):
    assert adjective in ONTOLOGY[id].adjectives


def test_record_is_the_contract():
    line = record(ONTOLOGY["kidneys"], ["embedded"])
    assert list(line) == ["id", "name", "kind", "children", "synonyms", "codes", "supported"]
    assert line["children"] == ["kidney_left", "kidney_right"]
    assert "kidney" in line["synonyms"]
    assert line["codes"] == {"SCT": "64033007"}
    assert line["supported"] == ["embedded"]


def test_ontology_is_a_mapping_read_once():
    assert isinstance(ONTOLOGY, Ontology)
    assert ontology() is ONTOLOGY
    assert all(id == s.id for id, s in ONTOLOGY.items())
    assert len(set(ONTOLOGY.values())) == len(ONTOLOGY)
    with pytest.raises(KeyError):
        ONTOLOGY["wing_left"]


def test_a_structure_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(ONTOLOGY["liver"])) == ONTOLOGY["liver"]


def test_reading_costs_little_more_than_parsing_the_files():
    texts = [path.read_text() for path in files("prompts").joinpath("structures").iterdir()]

    def seconds(work) -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    def parse() -> None:
        for text in texts:
            yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    reading, parsing = (min(seconds(work) for _ in range(5)) for work in (ontology.__wrapped__, parse))
    assert reading < 8 * parsing


def test_importing_costs_nothing_heavy():
    code = (
        "import sys; from prompts.ontology import ontology; ontology(); "
        "print(*{'torch', 'numpy', 'monai', 'assistant', 'encoders'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
