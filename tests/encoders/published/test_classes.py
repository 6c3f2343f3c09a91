import pytest

from encoders.errors import BodyMapsError
from encoders.published import classes
from prompts.ontology import ontology


def test_every_known_order_means_known_structures():
    assert len(classes.orders()) == 5
    for name, names in classes.orders().items():
        ids = classes.class_order(len(names), name)
        assert len(set(ids)) == len(ids)
        assert set(ids) <= set(ontology())


def test_the_published_order():
    ids = classes.class_order(32)
    assert ids[1:3] == ("kidney_right", "kidney_left")
    assert ids[22:24] == ("femoral_head_left", "femoral_head_right")
    assert ids[27] == "pancreas_tumor"
    assert classes.class_order(31) == ids[:31]
    assert classes.class_order(9)[5] == "pancreas"
    assert classes.class_order(25)[9:11] == ("adrenal_gland_left", "adrenal_gland_right")


def test_an_order_of_ones_own(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("liver\nPostcava\ngall bladder\n")
    assert classes.class_order(3, str(file)) == ("liver", "inferior_vena_cava", "gallbladder")


@pytest.mark.parametrize(
    ("count", "wanted", "text"),
    [
        (38, None, "unknown order"),
        (31, "universal_32", "31 classes"),
        (4, "magic", "known: universal_32"),
        (2, "liver\nphlogiston\n", "phlogiston"),
        (2, "liver\nliver\n", "twice"),
    ],
)
def test_what_does_not_fit_is_refused(count, wanted, text):
    with pytest.raises(BodyMapsError, match=text):
        classes.class_order(count, wanted)


def test_prompts_keep_the_published_spelling():
    assert classes.prompts(("aorta", "celiac_trunk", "liver_tumor")) == [
        "A computerized tomography of a Arota",
        "A computerized tomography of a Celiac Truck",
        "A computerized tomography of a Liver Tumor",
    ]
