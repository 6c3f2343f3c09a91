import numpy as np
import pytest
from scipy.special import expit

from eval import calibration
from eval.calibration import Voxels, calibration_error, fit_temperature, reliability


def sample(temperature, seed=0, n=40_000):
    """Voxels whose right probabilities are known, with logits that are too sure by a factor."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0, 2, n)
    return Voxels("liver", right * temperature, rng.random(n) < expit(right))


@pytest.mark.parametrize("temperature", [0.7, 1.0, 3.0, 8.0])
def test_the_temperature_is_found(temperature):
    assert fit_temperature([sample(temperature)]) == pytest.approx(temperature, rel=0.05)


def test_a_sure_model_has_an_error_that_the_temperature_mends():
    made = sample(5.0)
    before = calibration_error(reliability(expit(made.logits), made.truth))
    after = calibration_error(reliability(expit(made.logits / 5.0), made.truth))
    assert before > 0.1
    assert after < 0.01


def test_bins_say_how_many_and_how_right():
    bins = reliability(np.array([0.05, 0.05, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(b.voxels, round(b.probability, 3), b.share) for b in bins] == [(2, 0.05, 0.5), (2, 0.975, 1.0)]
    assert calibration_error(bins) == pytest.approx(0.5 * 0.45 + 0.5 * 0.025)
    assert calibration_error([]) == 0


def test_no_reference_no_temperature():
    with pytest.raises(ValueError, match="at least one"):
        fit_temperature([])


def test_a_structure_of_two_cases_has_the_mean_of_their_errors(monkeypatch):
    made = {"a": sample(5.0, 1), "b": sample(1.0, 2)}
    monkeypatch.setattr(calibration, "voxels_of", lambda model, case, structures: [made[case]])
    result = calibration.calibrate([("one", "a"), ("two", "b")], ["liver"])
    alone = [calibration_error(reliability(expit(s.logits), s.truth)) for s in made.values()]
    assert result["structures"]["liver"]["before"] == pytest.approx(np.mean(alone), abs=1e-4)
    assert sum(b["voxels"] for b in result["curve"]) == 80_000
