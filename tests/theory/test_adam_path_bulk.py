"""The bulk after several steps of Adam: against explicit linear answers, the law of one step, simulated networks."""

import math

import numpy as np
import pytest
from scipy.special import ndtri

import theory
from theory.training.adam_path_bulk import adam_path_bulk
from theory.training.conditioned_matrix import WatchedMatrix
from theory.training.normal_points import RotatedCloud
from theory.training.row_covariance import RowCovariance

SIZE = (2000, 1000, 1500)  # samples, inputs, width


def _answers(rng, steps, samples, inputs):
    """Linear answers: pulls K_t field + noise of size R_t, rows moved by C_t force; one column for each step."""
    even = [ndtri((np.arange(size) + 0.5) / size) for size in (samples, samples, inputs)]
    drawn = [rng.permuted(np.tile(values, (steps, 1)), axis=1).T for values in even]
    return drawn[0], np.abs(drawn[1]) + 0.3, 0.5 * drawn[2] - 0.2


def _population(steps, ratio, size=512):
    """Rows with linear answers, in populations."""
    rng = np.random.default_rng(5)
    gain, spread, move = _answers(rng, steps, size, size)
    fields, forces = (RotatedCloud(rng, 2 * steps + 1, size, 128) for _ in range(2))
    matrix = WatchedMatrix(ratio, fields, forces, steps + 1)
    rows = forces.row(2 * steps)
    for t in range(steps):
        noise = fields.row(steps + 1 + t)
        pulls = gain[:, t, None] * np.add(*matrix.times(rows)) + spread[:, t, None] * noise
        rows = rows + move[:, t, None] * np.add(*matrix.transposed_times(pulls))
    matrix.times(rows)
    return RowCovariance([matrix], ratio)


def _covariance(rng, steps, ratio, inputs=240):
    """Sigma of the same rows for one explicit X: w_t = L_t (w_0, noise of each step)."""
    samples = round(inputs / ratio)
    gain, spread, move = _answers(rng, steps, samples, inputs)
    x = rng.standard_normal((samples, inputs))
    rows = np.hstack([np.eye(inputs), np.zeros((inputs, steps * samples))])
    for t in range(steps):
        pulls = gain[:, t, None] * (x @ rows) / math.sqrt(inputs)
        at = inputs + t * samples
        pulls[:, at : at + samples] += np.diag(spread[:, t])
        rows = rows + move[:, t, None] * (x.T @ pulls) / math.sqrt(samples)
    return rows @ rows.T


@pytest.mark.parametrize("ratio", [0.5, 1.5])
@pytest.mark.parametrize("steps", [1, 3])
def test_linear_answers_have_the_eigenvalues_of_their_explicit_covariance(steps, ratio):
    dressed = _population(steps, ratio)
    rng = np.random.default_rng(1)
    sampled = [np.linalg.eigvalsh(_covariance(rng, steps, ratio)) for _ in range(24)]
    for zeta in (0.5 + 0.5j, 2 + 1j, 6 + 2j):
        found = np.array([np.mean(1 / (zeta - values)) for values in sampled])
        error = abs(np.std(found)) / math.sqrt(len(found))
        # order 1/inputs, and how 512 answers fell together: at most .9 % seen; responses a fifth weaker make 3 to 36 %
        assert abs(dressed.resolvent(zeta)[0] - np.mean(found)) < 3 * error + 0.006 * abs(np.mean(found))


@pytest.mark.parametrize(("rate", "size"), [(1.0, SIZE), (0.3, SIZE), (1.0, (300, 400, 200))])
def test_the_first_step_is_the_law_of_one_step(rate, size):
    law, exact = adam_path_bulk(rate, 1, *size), theory.AdamBulk(rate, *size)
    assert np.allclose(law.atoms, exact.atoms)
    p = np.linspace(0.05, 0.95, 10) * (1 - sum(m for _, m in exact.atoms)) + sum(m for _, m in exact.atoms)
    # two draws of 512 samples: off by 0 to .3 % at rate 1; where it hangs on their largest residuals .2 % (section 6)
    assert law.quantile(p) == pytest.approx(exact.quantile(p), rel=0.01)
    second = 1 - 0.5 / (size[1] - 1)
    assert law.quantile(second) == pytest.approx(exact.quantile(second), rel=0.03)


# three simulated networks of SIZE: singular values of rank 2, 11, 101, 501 and 1000, and their standard errors
RANKS = np.array([2, 11, 101, 501, 1000])
MEASURED = {
    (0.3, 3): ([76.54, 73.60, 62.51, 35.91, 7.632], [0.24, 0.07, 0.07, 0.01, 0.03]),
    (1.0, 2): ([125.3, 117.2, 88.77, 44.84, 9.278], [0.5, 0.4, 0.4, 0.1, 0.1]),
    (1.0, 3): ([166.3, 153.5, 108.9, 50.12, 9.969], [0.6, 0.7, 0.4, 0.05, 0.1]),
}


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "steps"), MEASURED)
def test_simulated_networks_have_this_bulk(rate, steps):
    measured, error = (np.array(values) for values in MEASURED[rate, steps])
    law = adam_path_bulk(rate, steps, *SIZE, particles=256)
    found = np.sqrt(1500 * law.quantile(1 - (RANKS - 1.5) / 999))
    # 2 % is what is asked of the second value; the smallest fluctuates by its order 1/inputs, its law's by 2 %
    assert np.all(np.abs(found - measured) < 2 * error + np.array([0.02, 0.01, 0.01, 0.01, 0.03]) * measured)
    if rate == 1:  # an isotropic bulk of the same variance ends far below
        assert math.sqrt(law.mean) * (math.sqrt(1500) + math.sqrt(1000)) < 0.85 * measured[0]


def test_the_same_seed_gives_the_same_law():
    one, two, other = (adam_path_bulk(0.5, 1, 60, 30, 40, particles=64, seed=seed) for seed in (1, 1, 2))
    assert one == two != other


def test_a_small_rate_leaves_marchenko_pastur():
    law, start = adam_path_bulk(1e-4, 3, 200, 100, 150, particles=128), theory.MarchenkoPastur(2 / 3)
    p = np.linspace(0.05, 0.95, 7)
    assert law.quantile(p) == pytest.approx(start.quantile(p), rel=2e-3)  # the population's own smearing


def test_what_is_not_resolved_is_refused():
    # at rate 10 columns without noise are an atom of the population; z^3 at rate 3 diverges
    for rate, steps, activation in ((10.0, 1, np.tanh), (3.0, 3, lambda z: z**3)):
        with pytest.raises(ArithmeticError, match="not resolved"):
            adam_path_bulk(rate, steps, 200, 100, 150, particles=128, activation=activation)


@pytest.mark.parametrize(("change", "words"), [
    ({"steps": 0}, "steps"), ({"learning_rate": -1.0}, "learning_rate"), ({"particles": 63}, "particles"),
    ({"activation": np.exp}, "odd"), ({"decay": (0.9, 1.0)}, "decay"), ({"draws": 1}, "draws"),
])
def test_bad_input_is_named(change, words):
    options = {"learning_rate": 1.0, "steps": 2, "samples": 60, "inputs": 30, "width": 40, "particles": 64} | change
    with pytest.raises(ValueError, match=words):
        adam_path_bulk(**options)
