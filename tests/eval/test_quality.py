from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from encoders.learning.cases import OUTSIDE, Case
from encoders.segmenters.base import Mask
from eval import quality
from eval.held_out import score_case, truths, volume_of
from eval.lesion_rules import Chosen
from eval.quality import Score, entry, lesion_entry, level, markdown_of, measure_quality, read_folds


def case(complete=(), weak=(), trusted=None):
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[:2] = 3
    labels[4:12, 4:12, 4:12] = 1
    labels[14:18, 4:8, 4:8] = 2
    return Case(
        name="c",
        spacing_mm=3.0,
        hu=np.full(labels.shape, 60, np.int16),
        labels=labels,
        names=("unlabelled", "liver", "spleen", OUTSIDE),
        complete=frozenset(complete),
        weak=frozenset(weak),
        trusted=trusted,
    )


def test_only_what_a_case_knows_is_scored():
    known = {
        name: source
        for name, _, _, source in truths(case({"liver"}, {"spleen"}), ["liver", "spleen", "aorta"])
    }
    assert known == {"liver": "reference", "spleen": "machine labels"}
    assert list(truths(case(), ["liver"])) == []


def test_untrusted_voxels_do_not_count():
    trusted = np.ones((20, 20, 20), bool)
    trusted[12:14] = False
    one = case(weak={"liver"}, trusted=trusted)
    mask = np.zeros((20, 20, 20), bool)
    mask[4:14, 4:12, 4:12] = True
    (row,) = score_case({"liver": Mask.from_full("liver", mask, 0.9)}, one, volume_of(one))
    assert row.dice == 1.0


def test_levels_that_cannot_be_counted_have_no_score():
    one = replace(case({"liver", "vertebrae_L1"}), names=("unlabelled", "liver", "vertebrae_L1", OUTSIDE))
    shape = one.labels.shape
    asked = ["liver", "vertebrae_L1", "sacrum"]
    masks = {name: Mask.absent(name, shape, 0.4) for name in asked}
    assert [(row.structure, row.dice) for row in score_case(masks, one, volume_of(one))] == [("liver", 0.0)]
    masks["sacrum"] = Mask.from_full("sacrum", one.labels == 3, 0.9)
    assert {row.structure for row in score_case(masks, one, volume_of(one))} == {"liver", "vertebrae_L1"}


def test_levels():
    assert [level([x]) for x in (0.95, 0.80, 0.79, 0.30, 0.29)] == [
        "validated",
        "validated",
        "experimental",
        "experimental",
        "unsupported",
    ]


def test_an_unmeasured_structure_is_never_validated():
    scores = [Score("liver", "a", 0.9, 0.8, "reference"), Score("liver", "b", 0.8, 0.7, "reference")]
    assert entry("liver", scores, False) == {"level": "validated", "dice": 0.85, "cases": 2, "note": ""}
    assert entry("aorta", scores, True)["level"] == "experimental"
    assert entry("aorta", scores, True)["dice"] is None
    assert entry("aorta", scores, False)["level"] == "unsupported"


def test_the_tables_show_every_score_and_level():
    scores = [
        {"case": "a", "structure": "liver", "dice": 0.9, "nsd": 0.8, "source": "reference"},
        {"case": "b", "structure": "liver", "dice": 0.7, "nsd": 0.6, "source": "rule"},
        {"case": "b", "structure": "aorta", "dice": 0.5, "nsd": 0.4, "source": "rule"},
    ]
    made = entry("liver", [Score("liver", "a", 0.9, 0.8, "reference")], False)
    text = " ".join(markdown_of({"structures": {"liver": made}, "scores": scores}).split())
    assert "| liver | 0.900 / 0.800 | 0.700 / 0.600 |" in text
    assert "| aorta | - | 0.500 / 0.400 |" in text
    assert "| b | rule | liver, aorta |" in text
    assert "| liver | validated |" in text


def test_lesions_are_offered_when_most_planted_ones_are_found():
    def chosen(found, false):
        return Chosen(("liver_tumor",), {"level": 1.0, "peak": 3.0}, found, 10, false, 0.5, 4)

    assert lesion_entry(chosen(8, 1.0))["level"] == "experimental"
    assert lesion_entry(chosen(7, 0.0))["level"] == "unsupported"
    assert lesion_entry(chosen(10, 1.25))["level"] == "unsupported"
    assert "8 of 10 planted" in lesion_entry(chosen(8, 1.0))["note"]


def test_a_fold_is_scored_and_calibrated_where_it_held_cases_out(monkeypatch, tmp_path):
    class Model:
        def __init__(self, weights, closer):
            self.closer = tuple(closer)

        def supported(self):
            return {"liver"}

        def segment(self, volume, structures):
            used.append(self.closer)
            return {"liver": Mask.from_full("liver", one.labels == 1, 0.9)}

    one = case({"liver"})
    used, calibrated = [], []
    monkeypatch.setattr(quality, "EmbeddedSegmenter", Model)
    monkeypatch.setattr(quality, "references", lambda *_: [("liver", one.labels == 1)])
    monkeypatch.setattr(quality, "held_out_cases", lambda *_: [one])
    monkeypatch.setattr(quality, "_calibrations", lambda _, unseen, __: calibrated.append(unseen(one)) or {})
    monkeypatch.setattr("assistant.study.open_study", lambda _: SimpleNamespace(volume=volume_of(one)))
    new, old, folds = tmp_path / "new", tmp_path / "old", tmp_path / "folds.yaml"
    folds.write_text("c: {closer: [old]}")
    table = measure_quality(
        tmp_path / "first", [new], Path("embedded-detail.yaml"), tmp_path, tmp_path, folds=folds
    )
    assert used == [(new,), (old,)]  # the demo CT, then the held-out case
    assert calibrated == [(tmp_path / "first", old)]
    assert [s["dice"] for s in table["scores"]] == [1.0, 1.0]


def test_a_fold_may_have_a_first_pass_of_its_own(tmp_path):
    folds = tmp_path / "folds.yaml"
    folds.write_text("a: {closer: [x/b]}\nc: {first: d, closer: []}")
    weights = Path("w")
    assert read_folds(folds, weights) == {"a": (weights, tmp_path / "x/b"), "c": (tmp_path / "d",)}


def test_the_passes_of_the_projects_folds_are_there():
    folds = Path(quality.__file__).parents[1] / "encoders/learning/folds.yaml"
    passes = read_folds(folds, Path(quality.__file__))
    assert passes
    assert all(path.exists() for files in passes.values() for path in files)


def test_a_mask_that_the_scan_may_have_cut_off_is_not_called_implausible():
    volume = volume_of(case())

    def fits(structure, *slices):
        mask = np.zeros(volume.geometry.shape, bool)
        mask[slices] = True
        return quality._fits(Mask.from_full(structure, mask, 0.9), volume)

    inside, edge = slice(5, 15), slice(10, 20)  # 27 ml
    assert fits("gallbladder", inside, inside, inside) == [True]
    assert fits("spleen", inside, inside, inside) == [False]
    assert fits("spleen", edge, inside, inside) == []
    assert fits("gallbladder", edge, inside, inside) == [True]
    assert fits("spleen", slice(0, 0)) == []
