from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np

from assistant.cli import run
from eval.dataset import read_dataset
from eval.phantoms import Ellipsoid, grid, paint, rasterise

LIVER = Ellipsoid((0, 0, 0), (40, 40, 40))


def _scan(folder):
    volume = paint(grid((64, 64, 48), (1.5, 1.5, 2.0), "LPS"), [(LIVER, 100)], background=-50, noise=8)
    liver = rasterise(LIVER, volume.geometry)
    (folder / "masks").mkdir()
    for name, array in (("ct", volume.hu), ("masks/liver", liver.astype(np.uint8))):
        nib.save(nib.Nifti1Image(array, volume.geometry.affine), folder / f"{name}.nii.gz")
    return volume


def test_cases_masks_and_key(tmp_path, capsys):
    volume = _scan(tmp_path)
    arguments = [tmp_path / "ct.nii.gz", "-o", tmp_path / "out", "--organ", "liver", "-n", 2, "--controls", 1]
    arguments += ["--masks", tmp_path / "masks", "--smallest", 12, "--largest", 20, "--seed", 4]
    assert run(["synthesize", *map(str, arguments)]) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "lesions.csv").open()))
    assert f"3 cases with {len(rows)} lesions" in capsys.readouterr().out
    assert len({row["case"] for row in rows}) == 2
    for folder in sorted((tmp_path / "out").glob("case_*")):
        image = nib.load(folder / "ct.nii.gz")
        assert np.allclose(image.affine, volume.geometry.affine, atol=1e-4)
        own = {row["lesion"] for row in rows if row["case"] == folder.name}
        assert {p.name for p in folder.iterdir()} == {"ct.nii.gz"} | {f"{name}.nii.gz" for name in own}
        if not own:
            assert np.array_equal(np.asanyarray(image.dataobj), volume.hu)
    start, stop = json.loads(rows[0]["box"])
    lesion = np.asanyarray(
        nib.load(tmp_path / "out" / rows[0]["case"] / f"{rows[0]['lesion']}.nii.gz").dataobj
    )
    assert lesion[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))].any()


def test_lesions_of_its_own_go_with_the_case(tmp_path, capsys):
    volume = _scan(tmp_path)
    before = rasterise(Ellipsoid((10, 0, 0), (25, 30, 30)), volume.geometry)
    nib.save(nib.Nifti1Image(before.astype(np.uint8), volume.geometry.affine), tmp_path / "own.nii.gz")
    arguments = [tmp_path / "ct.nii.gz", "-o", tmp_path / "out", "--organ", "liver", "-n", 3]
    arguments += ["--masks", tmp_path / "masks", "--largest", 12, "--own", tmp_path / "own.nii.gz"]
    assert run(["synthesize", *map(str, arguments)]) == 0
    cases = read_dataset(tmp_path / "out").cases
    assert len(cases) == 3
    for case in cases:
        known = dict(case.truths(volume.shape))
        assert known
        assert set(known) <= {"liver_tumor", "liver_cyst"}
        assert np.array_equal(case.unasked(volume.shape), before)
        planted = np.logical_or.reduce(list(known.values()))
        assert (planted & before).sum() <= 0.02 * planted.sum()
    capsys.readouterr()
    arguments = [
        tmp_path / "ct.nii.gz",
        "-o",
        tmp_path / "more",
        "--masks",
        tmp_path / "masks",
        "--organ",
        "liver",
    ]
    assert run(["synthesize", *map(str, arguments), "--own", str(tmp_path / "none.nii.gz")]) == 2
    assert "none.nii.gz: no such file" in capsys.readouterr().err


def test_complaints(tmp_path, capsys):
    _scan(tmp_path)
    study = str(tmp_path / "ct.nii.gz")
    assert run(["synthesize", study, "-o", str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert run(["synthesize", study, "-o", str(tmp_path / "new"), "--organ", "spleen"]) == 2
    assert "no lesions for 'spleen'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
