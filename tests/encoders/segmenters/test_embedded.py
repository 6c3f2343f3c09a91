"""The embedded segmenter with small random weights, and what ships with the project."""

import dataclasses
import gc
import json

import numpy as np
import pytest
import torch
from scipy import ndimage

from encoders.checkpoints import save_model
from encoders.detail import places_of, settings
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.learning.text import misspell
from encoders.segmenters import embedded, passes, registry
from encoders.segmenters.embedded import EmbeddedSegmenter
from encoders.segmenters.hearing import MEANT, Hearing
from encoders.text.embedded import EmbeddedTextEncoder
from encoders.universal import UniversalModel
from encoders.volume import Volume
from prompts.ontology import ontology


@pytest.fixture
def segmenter(tiny_model, tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_model.decoder.controller.bias.data[-1] = 0.0  # random masks rather than none
    save_model(tiny_model, path)
    return registry.load(f"weights:{path}")


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    hu = np.full((50, 44, 60), -1000, np.int16)
    hu[5:45, 5:40] = rng.normal(40, 80, (40, 35, 60))
    return Volume(hu, Geometry(hu.shape, np.diag([3.0, 3.0, 3.0, 1.0])))


def test_masks_lie_on_the_study_grid(segmenter, volume):
    masks = segmenter.segment(volume, ["liver", "spleen"])
    assert list(masks) == ["liver", "spleen"]
    for mask in masks.values():
        assert mask.shape == volume.shape
        assert 0 <= mask.confidence <= 1


def test_a_second_question_reuses_the_features(segmenter, volume):
    told = []
    segmenter.segment(volume, ["liver"], lambda done, what: told.append(what))
    assert any("reading" in what for what in told)
    told.clear()
    segmenter.segment(volume, ["spleen"], lambda done, what: told.append(what))
    assert told
    assert not any("reading" in what for what in told)


def test_features_go_with_their_study_and_with_later_ones(segmenter, volume):
    other = Volume(volume.hu.copy(), volume.geometry)
    for one in (volume, other):
        segmenter.segment(one, ["liver"])
    assert list(segmenter._kept) == [other]
    del one, other
    gc.collect()
    assert not segmenter._kept


@pytest.mark.parametrize("orientation", [("L", "P", "S"), ("S", "R", "A"), ("P", "I", "L")])
def test_another_axis_order_gives_the_same_mask(segmenter, volume, orientation):
    import nibabel as nib

    image = nib.Nifti1Image(volume.hu, volume.geometry.affine)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(orientation)
    )
    turned = image.as_reoriented(turn)
    other = Volume(np.ascontiguousarray(turned.dataobj), Geometry(turned.shape, turned.affine))
    for structure in ("liver", "kidney_left"):
        here = segmenter.segment(volume, [structure])[structure]
        there = segmenter.segment(other, [structure])[structure]
        back = nib.orientations.apply_orientation(here.full().astype(np.uint8), turn).astype(bool)
        assert (back == there.full()).all()


def test_a_lesion_lies_in_its_organ(tiny_model, tmp_path, volume):
    config = dataclasses.replace(tiny_model.config, structures=("liver_tumor", "liver", "spleen"))
    model = UniversalModel(config)
    model.decoder.controller.bias.data[-1] = 0.0
    save_model(model, tmp_path / "lesions.safetensors")
    segmenter = registry.load(f"weights:{tmp_path / 'lesions.safetensors'}")
    alone = segmenter.segment(volume, ["liver_tumor"])
    both = segmenter.segment(volume, ["liver_tumor", "liver"])
    assert list(both) == ["liver_tumor", "liver"]
    assert (alone["liver_tumor"].full() == both["liver_tumor"].full()).all()
    assert not alone["liver_tumor"].full().any() or both["liver"].full().any()


@pytest.fixture
def two_passes(tiny_model, segmenter, tmp_path):
    """A second pass that knows two organs of the first one, and a lesion that the first one does not know."""
    config = dataclasses.replace(
        tiny_model.config, structures=("liver", "kidney_left", "kidney_tumor"), spacing_mm=2.0
    )
    model = UniversalModel(config)
    model.decoder.controller.bias.data[-1] = 0.0
    save_model(model, tmp_path / "detail.safetensors")
    return EmbeddedSegmenter(segmenter._paths[0], [tmp_path / "detail.safetensors"])


def test_a_second_pass_stays_near_the_first(two_passes, segmenter, volume, monkeypatch):
    monkeypatch.setitem(settings(), "stay", {"first": ["liver"]})
    assert two_passes.supported() >= {"liver", "spleen", "kidney_tumor"}
    assert not two_passes.drawn["liver"]
    told = []
    asked = ["liver", "spleen", "kidney_left", "kidney_tumor"]
    closer = two_passes.segment(volume, asked, lambda done, what: told.append(done))
    first = segmenter.segment(volume, ["liver", "spleen", "kidney_left", "kidney_right"])
    for unchanged in ("liver", "spleen"):
        assert (closer[unchanged].full() == first[unchanged].full()).all()
    kidney = first["kidney_left"].full()
    assert not (closer["kidney_left"].full() == kidney).all()
    away = ndimage.distance_transform_edt(~kidney) * 3.0
    assert away[closer["kidney_left"].full()].max() <= 12 + 8
    either = kidney | first["kidney_right"].full()
    away = ndimage.distance_transform_edt(~either) * 3.0
    assert away[closer["kidney_tumor"].full()].max(initial=0) <= 8 + 8
    assert told == sorted(told)
    assert told[-1] == 1


def test_what_lies_between_two_others_is_looked_for_there(two_passes, segmenter, volume, monkeypatch):
    pair = {"structures": ["liver"], "of": ["kidney_left", "spleen"], "mm": [[20, 10], [10, 30], [15, 0]]}
    monkeypatch.setitem(settings(), "between", pair)
    found = two_passes.segment(volume, ["liver"])["liver"].full()
    masks = segmenter.segment(volume, pair["of"])
    middles = [ndimage.center_of_mass(masks[n].full()) for n in pair["of"]]
    below, above = np.divide(np.transpose(pair["mm"]), volume.geometry.spacing) + 3  # rounded on both grids
    places = np.argwhere(found)
    assert len(places)
    assert (places.min(0) >= np.min(middles, axis=0) - below).all()
    assert (places.max(0) <= np.max(middles, axis=0) + above).all()
    # where one of the two is missing the first pass has the last word
    first = segmenter.segment(volume, ["liver"])["liver"].full()
    monkeypatch.setattr(passes.Neighbourhood, "between", lambda *_: None)
    assert (two_passes.segment(volume, ["liver"])["liver"].full() == first).all()
    assert places_of("liver", ["spleen"]) == ("liver",)


@pytest.fixture
def three_passes(tiny_model, two_passes, tmp_path):
    """A third pass for a lesion and another kind of it; it knows the kidneys only to place them."""
    names = ("kidney_left", "kidney_right", "kidney_tumor", "kidney_cyst")
    model = UniversalModel(dataclasses.replace(tiny_model.config, structures=names, spacing_mm=2.0))
    model.decoder.controller.bias.data[-1] = 0.0
    save_model(model, tmp_path / "lesions.safetensors", small=True)
    detail = two_passes._paths[1]
    return registry.load(
        f"weights:{two_passes._paths[0]}?detail={detail}&lesions={tmp_path / 'lesions.safetensors'}"
    )


def test_a_third_pass_draws_lesions_only(three_passes, two_passes, volume):
    assert three_passes.drawn == {**two_passes.drawn, "kidney_tumor": 2, "kidney_cyst": 2, "kidney_right": 2}
    asked = ["kidney_left", "kidney_right", "kidney_tumor", "kidney_cyst"]
    masks = three_passes.segment(volume, asked)
    left = two_passes.segment(volume, ["kidney_left"])[
        "kidney_left"
    ]  # `detail.yaml` leaves it to the second pass
    assert (masks["kidney_left"].full() == left.full()).all()
    assert not (masks["kidney_tumor"].full() & masks["kidney_cyst"].full()).any()
    alone = three_passes.segment(volume, ["kidney_tumor"])["kidney_tumor"]
    assert (alone.full() == masks["kidney_tumor"].full()).all()


def test_the_candidates_of_a_lesion_are_all_kinds_in_its_organ(three_passes, volume):
    seen = three_passes.candidates(volume, ["kidney_tumor"])["kidney_tumor"]
    assert [kind.structure for kind in seen.kinds] == ["kidney_tumor", "kidney_cyst"]
    assert seen.logits.shape == (2, *seen.host.shape) == (2, *seen.box.shape)


def test_a_second_pass_turns_with_the_study(two_passes, volume):
    flipped = Volume(
        np.ascontiguousarray(volume.hu[::-1]), Geometry(volume.shape, np.diag([-3.0, 3.0, 3.0, 1.0]))
    )
    here = two_passes.segment(volume, ["kidney_left"])["kidney_left"].full()
    there = two_passes.segment(flipped, ["kidney_left"])["kidney_left"].full()
    assert (here == there[::-1]).all()


PHRASES = ["show me the left kidney", "left kidny", "left kiddney", "left renl", "livver", "renl tumor"]


@pytest.fixture
def listening(two_passes):
    """The two passes with a random text encoder; it hears which name a misspelt one is like."""
    torch.manual_seed(0)
    encoder = EmbeddedTextEncoder(dim=64).eval().requires_grad_(False)
    encoder.table.weight *= 30  # pieces of words count, biases hardly
    rows = {name: two_passes._row(name) for name in two_passes.drawn}
    two_passes.hearing = Hearing(encoder, rows, ())
    return two_passes


def test_phrases_together_have_the_masks_that_each_has_alone(listening, volume):
    together = listening.segment_phrases(volume, PHRASES, meant=1)
    assert list(together) == PHRASES
    for phrase, mask in together.items():
        alone = listening.segment_phrases(volume, [phrase], meant=1)[phrase]
        assert (alone.structure, alone.box) == (mask.structure, mask.box)
        assert (alone.voxels == mask.voxels).all()
        assert alone.confidence == pytest.approx(mask.confidence)
    kidney, kidny, *_ = together.values()
    assert kidny.structure == "kidney_left"
    assert kidny.present
    assert not (kidney.full() == kidny.full()).all()  # drawn by its own embedding


def test_a_name_is_the_canonical_prompt(listening, volume):
    canonical = listening.segment(volume, ["kidney_left", "liver", "kidney_tumor"])
    phrases = ["kidney_left", "trace the kidney on the left", "liver", "hepar", "kidney tumor"]
    masks = listening.segment_phrases(volume, phrases)
    for mask in masks.values():
        wanted = canonical[mask.structure]
        assert (mask.full() == wanted.full()).all()
        assert mask.confidence == wanted.confidence
    assert {m.structure for m in masks.values()} == set(canonical)


def test_a_phrase_that_means_a_structure_has_its_mask_less_surely(listening, volume):
    canonical = listening.segment(volume, ["kidney_left"])["kidney_left"]
    near = listening.nearest("left kidny")[1]
    assert near < 1
    sure = listening.segment_phrases(volume, ["left kidny"], meant=near)["left kidny"]
    assert (sure.full() == canonical.full()).all()
    assert sure.confidence == pytest.approx(near * canonical.confidence)
    unsure = listening.segment_phrases(volume, ["left kidny"], meant=near + 1e-6)["left kidny"]
    assert not (unsure.full() == canonical.full()).all()


def test_the_windows_of_a_structure_are_read_once_for_all_phrases(listening, volume, monkeypatch):
    read = []
    model = listening.passes[1].model
    features = model.features
    monkeypatch.setattr(model, "features", lambda *a: read.append(1) or features(*a))
    listening.segment_phrases(volume, ["left kidney"])
    once = len(read)
    assert once
    read.clear()
    listening.segment_phrases(volume, PHRASES[:4], meant=1)
    assert len(read) == once


def test_a_phrase_stays_near_the_first_mask_of_its_structure(listening, segmenter, volume):
    first = segmenter.segment(volume, ["kidney_left"])["kidney_left"].full()
    away = ndimage.distance_transform_edt(~first) * 3.0
    assert (
        away[listening.segment_phrases(volume, ["left kidny"], meant=1)["left kidny"].full()].max() <= 12 + 8
    )


def test_vertebrae_are_counted_once_a_study(tiny_model, tmp_path, volume, monkeypatch):
    model = UniversalModel(dataclasses.replace(tiny_model.config, structures=("vertebrae", "sacrum")))
    model.decoder.controller.bias.data[-1] = 0.0
    save_model(model, tmp_path / "spine.safetensors")
    segmenter = registry.load(f"weights:{tmp_path / 'spine.safetensors'}")
    counts = []
    count = segmenter._count
    monkeypatch.setattr(segmenter, "_count", lambda *a: counts.append(1) or count(*a))
    fourth = segmenter.segment(volume, ["vertebrae_L4", "sacrum"])["vertebrae_L4"]
    assert segmenter.segment(volume, ["vertebrae_L5"])["vertebrae_L5"].structure == "vertebrae_L5"
    assert (segmenter.segment_phrase(volume, "the L4 vertebra").full() == fourth.full()).all()
    assert len(counts) == 1
    segmenter.segment(Volume(volume.hu.copy(), volume.geometry), ["vertebrae_L4"])
    assert len(counts) == 2


def test_an_unsupported_structure_is_refused(segmenter, volume):
    with pytest.raises(BodyMapsError, match="cannot segment pancreas"):
        segmenter.segment(volume, ["pancreas"])


def test_unknown_segmenters_name_the_known():
    with pytest.raises(BodyMapsError, match="embedded"):
        registry.load("magic")
    with pytest.raises(BodyMapsError, match="no weights"):
        registry.load("weights:/nowhere.safetensors")


def test_what_ships_is_small_and_its_quality_is_measured():
    files = (embedded.WEIGHTS, *embedded.CLOSER, embedded.TEXT)
    assert sum(path.stat().st_size for path in files) < 25e6
    table = json.loads(embedded.QUALITY.read_text())
    for name, entry in table["structures"].items():
        assert name in ontology()
        if entry["level"] == "validated":
            assert entry["cases"] > 0
            assert entry["dice"] >= 0.8
        own = [s["dice"] for s in table["scores"] if s["structure"] == name]
        if own:
            assert entry["dice"] == pytest.approx(np.mean(own), abs=1e-3)
        else:
            assert entry["dice"] is None
    shipped = EmbeddedSegmenter()
    assert shipped.supported() == {n for n, e in table["structures"].items() if e["level"] != "unsupported"}


@pytest.mark.parametrize(
    ("phrase", "structure"),
    [
        ("left kidney", "kidney_left"),
        ("the kidney on the left", "kidney_left"),
        ("right kidny", "kidney_right"),
        ("hepar", "liver"),
        ("show me the splen", "spleen"),
        ("the aorta please", "aorta"),
        ("backbone", "vertebrae"),
        ("urinary bladder", "urinary_bladder"),
        ("could you trace the heart on this exam", "heart"),
        ("colour in the whole aorta", "aorta"),
        ("a mask of the pancreatic parenhcyma", "pancreas"),
        ("may I see L3", "vertebrae_L3"),
        ("the twelth thoracic vertebra", "vertebrae_T12"),
    ],
)
def test_phrases_land_at_their_structure(phrase, structure):
    found, similarity = EmbeddedSegmenter().nearest(phrase)
    assert found == structure
    assert similarity > 0.5


def test_misspelt_names_mean_their_structure_and_unknown_names_mean_none():
    shipped, rng = EmbeddedSegmenter(), np.random.default_rng(3)
    for structure in ("liver", "kidney_left", "pancreas", "vertebrae_L3", "urinary_bladder"):
        heard = [shipped.nearest(misspell(name, rng)) for name in ontology().names(structure)]
        assert np.mean([found == structure and near >= MEANT for found, near in heard]) > 0.9
    for structure in ("appendix", "brain", "thyroid_gland", "renal_artery_left"):
        assert shipped.nearest(ontology()[structure].name)[1] < MEANT
    assert shipped.nearest("hepatic segment")[1] < MEANT < shipped.nearest("segment the liver")[1]


def test_every_id_is_its_own_canonical_prompt():
    shipped = EmbeddedSegmenter()
    for structure in shipped.supported():
        assert shipped.nearest(structure) == (structure, 1.0)
        assert shipped.nearest(ontology()[structure].name) == (structure, 1.0)


def test_measured_detection_is_part_of_the_quality(monkeypatch, tmp_path):
    figures = {"sensitivity": 0.8, "specificity": 0.9, "positives": 10, "negatives": 20, "threshold_mm3": 100}
    record = {"structures": {"liver_tumor": {"level": "experimental", "dice": None, "detection": figures}}}
    path = tmp_path / "quality.json"
    path.write_text(json.dumps(record))
    monkeypatch.setattr(embedded, "QUALITY", path)
    detection = EmbeddedSegmenter().quality("liver_tumor").detection
    assert (detection.sensitivity, detection.negatives, detection.threshold_mm3) == (0.8, 20, 100)
    assert EmbeddedSegmenter().quality("liver").detection is None


def test_what_was_measured_is_said_of_the_shipped_passes_only():
    other = EmbeddedSegmenter(embedded.WEIGHTS, ())  # the first pass alone
    assert EmbeddedSegmenter().quality("kidney_left").level == "validated"
    assert other.quality("kidney_left").level == "experimental"
    assert other.quality("kidney_left").dice is None
    assert other.supported() >= set(other.drawn)
