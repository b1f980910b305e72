"""Ridge and early-stopped risk against closed forms, high precision, each other and simulated regressions."""

import math

import mpmath
import numpy as np
import pytest

from theory.laws.affine import Affine
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.laws.semicircle import Semicircle
from theory.laws.singular_values import SingularValues
from theory.population import nodes
from theory.risk import gradient_flow
from theory.risk.contour import contour
from theory.risk.deterministic_equivalent import complex_kappa, deterministic_equivalent, upper_edge
from theory.risk.gradient_flow import gradient_descent_risk, gradient_flow_risk
from theory.risk.ridge import optimal_ridge, ridge_risk

PAIRS = [(1.0, 0.7), (5.0, 0.3)]
RATIOS = [0.1, 0.5, 0.999, 1.0, 1.001, 2.0, 20.0]
POPULATIONS = [None, PAIRS, [(1e-6, 0.5), (1e6, 0.5)], [(0.0, 0.4), (2.0, 0.6)],
               MarchenkoPastur(0.5), MarchenkoPastur(1.0)]


def _spectrum(ratio):
    """Eigenvalues of the sample covariance as nodes and weights: midpoint rule in the angle, exact to rounding."""
    points = 200_000 if 0 < abs(ratio - 1) < 0.01 else 4000  # the lower edge's distance from 0 sets the scale
    law = MarchenkoPastur(ratio)
    (low, high), = law.bands
    t = (np.arange(points) + 0.5) * np.pi / points
    x = (low + high) / 2 - (high - low) / 2 * np.cos(t)
    weights = law.pdf(x) * (high - low) / 2 * np.sin(t) * np.pi / points
    atom = max(0.0, 1 - 1 / ratio)
    return np.append(x, 0.0), np.append(weights, atom)


@pytest.mark.parametrize("ratio", RATIOS)
def test_isotropic_effective_ridge_is_the_root_of_a_quadratic(ratio):
    for ridge in (1e-300, 1e-20, 1e-8, 0.1, 1.0, 1e6):
        with mpmath.workdps(60):
            c, shift = mpmath.mpf(ratio), mpmath.mpf(ridge) + mpmath.mpf(ratio) - 1
            root = mpmath.sqrt(shift**2 + 4 * mpmath.mpf(ridge))
            kappa = (shift + root) / 2 if shift > 0 else 2 * ridge / (root - shift)
            values = [kappa, ridge / kappa, c / (1 + kappa), c / (1 + kappa) ** 2, 1 - c / (1 + kappa) ** 2]
        found = deterministic_equivalent(ridge, ratio)
        # 1 - ratio is known to 1e-16: next to ratio 1, where it is 1e-3, to 1e-13 of itself
        assert list(found)[:2] == pytest.approx([float(v) for v in values[:2]], rel=1e-12)
        assert list(found)[2:4] == pytest.approx([float(v) for v in values[2:4]], abs=1e-13 * ratio)
        assert found.spare == pytest.approx(float(values[4]), rel=1e-12)


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_effective_ridge_solves_its_equation(population, ratio):
    h = nodes(population)
    ridge = np.array([1e-6, 1e-2, 1.0, 1e3]) * h.top
    e = deterministic_equivalent(ridge, ratio, population)
    k = e.kappa[:, None]
    df1 = ratio * h.mean(h.values / (h.values + k))
    assert e.kappa * (1 - df1) == pytest.approx(ridge, rel=1e-9)  # 1 - df1 by cancellation, to 1e-16/1e-6
    assert e.df1 == pytest.approx(df1, abs=1e-13 * max(1, ratio))
    assert e.df2 == pytest.approx(ratio * h.mean((h.values / (h.values + k)) ** 2), abs=1e-13 * max(1, ratio))
    assert e.spare == pytest.approx(1 - e.df2, abs=1e-13)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
def test_complex_effective_ridge_is_the_stieltjes_transform_of_the_sample_spectrum(ratio):
    law = MarchenkoPastur(ratio)
    z = np.array([-1e-4 + 1e-4j, -1 + 1j, 0.5 + 0.1j, 3 + 1e-2j, 100 + 1j, 2 - 1j])
    companion = ratio * law.stieltjes(z) - (1 - ratio) / z
    assert complex_kappa(z, ratio, nodes(None)) * companion == pytest.approx(np.ones(6), abs=1e-10)  # 1e-16/|z|^2 ...


def test_upper_edge_is_that_of_the_sample_spectrum():
    for c in (0.1, 1.0, 7.0):
        assert upper_edge(c, nodes(None)) == pytest.approx((1 + math.sqrt(c)) ** 2, rel=1e-14)
    assert upper_edge(0.1, nodes([(1, 1 / 3), (3, 1 / 3), (10, 1 / 3)])) > 10
    # a product of two Wishart matrices, Fuss-Catalan of order 2: edge 27/4
    assert upper_edge(1.0, nodes(MarchenkoPastur(1.0))) == pytest.approx(27 / 4, rel=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_isotropic_ridge_risk_is_an_expectation_over_marchenko_pastur(ratio):
    x, w = _spectrum(ratio)
    for ridge in (0.05, 0.5, 5.0):
        risk = ridge_risk(ridge, ratio, signal_norm=1.3, noise_std=0.4)
        bias = 1.69 * ridge**2 * np.sum(w / (x + ridge) ** 2)
        variance = 0.16 * ratio * np.sum(w * x / (x + ridge) ** 2)
        train = 1.69 * ridge**2 * np.sum(w * x / (x + ridge) ** 2)
        train += 0.16 * (1 - ratio + ratio * np.sum(w * (ridge / (x + ridge)) ** 2))
        norm = 1.69 * np.sum(w * (x / (x + ridge)) ** 2) + variance
        # the reference's own rounding: 1 - ratio + ... cancels ratio times 1e-16
        assert list(risk[1:5]) == pytest.approx([train, norm, bias, variance], rel=1e-11, abs=1e-13)
        assert risk.test == pytest.approx(bias + variance + 0.16, rel=1e-12)


@pytest.mark.parametrize("ratio", [0.3, 0.9, 1.5, 8.0])
def test_ridgeless_risk_has_its_closed_form(ratio):
    risk = ridge_risk(0.0, ratio, signal_norm=2.0, noise_std=0.5)
    expected = (0.0, 0.25 * ratio / (1 - ratio)) if ratio < 1 else (4 * (1 - 1 / ratio), 0.25 / (ratio - 1))
    assert (risk.bias, risk.variance) == pytest.approx(expected, rel=1e-14)
    assert risk.train == pytest.approx(0.25 * max(0.0, 1 - ratio), abs=1e-16)
    # the limit of small ridges; the first correction is linear in the ridge
    near = ridge_risk(1e-9, ratio, signal_norm=2.0, noise_std=0.5)
    assert near.test == pytest.approx(risk.test, rel=1e-6)
    assert near.norm == pytest.approx(risk.norm, rel=1e-6)


def test_interpolation_threshold_is_infinite_with_noise_and_only_there():
    risk = ridge_risk(0.0, 1.0, noise_std=0.1)
    assert risk.test == math.inf
    assert risk.train == 0.0
    assert ridge_risk(0.0, 1.0).test == 0.0
    assert math.isfinite(ridge_risk(1e-300, 1.0, noise_std=0.1).test)
    assert not np.any(np.isnan(ridge_risk([[0.0], [1e-3]], [0.5, 1.0, 2.0], noise_std=1.0)))


def test_population_given_as_values_pairs_or_law_is_the_same():
    pairs = ridge_risk(0.1, 0.8, population=[(1.0, 0.5), (3.0, 0.25), (0.0, 0.25)], noise_std=0.3)
    values = ridge_risk(0.1, 0.8, population=[1.0, 3.0, 1.0, 0.0], noise_std=0.3)
    assert list(values) == pytest.approx(list(pairs), rel=1e-14)
    law = MarchenkoPastur(0.4)
    x = law.quantile((np.arange(20000) + 0.5) / 20000)
    sampled, exact = (ridge_risk(0.1, 0.8, population=p, noise_std=0.3) for p in (x, law))
    assert list(sampled) == pytest.approx(list(exact), rel=1e-4)  # midpoint rule of 20000 quantiles


def test_scale_of_the_population_is_a_scale_of_ridge_and_time():
    base = ridge_risk(0.1, 2.0, population=PAIRS, noise_std=0.3)
    flow = gradient_flow_risk([1.0, 1e3], 2.0, population=PAIRS, noise_std=0.3)
    for s in (1e-8, 1e8):
        scaled = [(s * t, w) for t, w in PAIRS]
        risk = ridge_risk(0.1 * s, 2.0, population=scaled, signal_norm=s**-0.5, noise_std=0.3)
        assert risk.test == pytest.approx(base.test, rel=1e-13)
        late = gradient_flow_risk(np.array([1.0, 1e3]) / s, 2.0, population=scaled, signal_norm=s**-0.5, noise_std=0.3)
        assert late.test == pytest.approx(flow.test, rel=1e-12)


def test_optimal_ridge_is_a_minimum_and_ratio_noise_over_signal_without_alignment():
    for population in (None, PAIRS, MarchenkoPastur(1.0)):
        best = optimal_ridge(2.0, population=population, signal_norm=1.5, noise_std=0.6)
        assert best == pytest.approx(2 * 0.36 / 2.25, rel=1e-15)
        near = best * np.array([0.99, 1, 1.01])
        around = ridge_risk(near, 2.0, population=population, signal_norm=1.5, noise_std=0.6)
        assert np.argmin(around.test) == 1
        same = optimal_ridge(2.0, population=population, signal_norm=1.5, noise_std=0.6, alignment=np.ones_like)
        assert same == pytest.approx(best, rel=1e-9)  # found as the root of the slope


def test_optimal_ridge_of_an_aligned_signal_is_the_least_of_a_grid():
    for alignment in (lambda t: t**2, lambda t: t**-2.0):
        best = optimal_ridge(2.0, population=PAIRS, noise_std=0.5, alignment=alignment)
        grid = np.append(0.0, np.geomspace(1e-5, 1e3, 2000))
        risks = ridge_risk(grid, 2.0, population=PAIRS, noise_std=0.5, alignment=alignment).test
        at = ridge_risk(best, 2.0, population=PAIRS, noise_std=0.5, alignment=alignment).test
        assert at <= np.min(risks) * (1 + 1e-14)
        assert at == pytest.approx(np.min(risks), rel=1e-4)
    # signal in strong directions without noise: the weak ones regularise by themselves, no ridge helps
    assert optimal_ridge(2.0, population=PAIRS, alignment=lambda t: t > 2) == 0.0
    assert optimal_ridge(0.5, signal_norm=0.0, noise_std=1.0) == math.inf


@pytest.mark.parametrize("right", [math.inf, 3.0, 2.001])
@pytest.mark.parametrize("left", [2.0, 1e-3, 1e-8])
def test_contour_separates_poles_inside_from_poles_outside(left, right):
    z, w = contour(2.0, left, right)
    for inside in (0.0, 1e-9, 1.0, 2.0):
        assert np.sum(w / (z - inside)) == pytest.approx(1.0, abs=1e-12)
    for outside in (-left, -5.0 - left, right if math.isfinite(right) else 1e9 * 1j):
        assert abs(np.sum(w / (z - outside))) < 1e-11  # at distance 1e-3 of the far end rounding is magnified
    assert np.all(z.real > -left)
    assert z[::-1] == pytest.approx(z.conj(), rel=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_isotropic_flow_is_an_expectation_over_marchenko_pastur(ratio):
    x, w = _spectrum(ratio)
    t = np.array([0.0, 0.1, 1.0, 10.0, 300.0])
    risk = gradient_flow_risk(t, ratio, signal_norm=1.3, noise_std=0.4)
    left = np.exp(-t[:, None] * x)
    learned = np.where(x > 0, -np.expm1(-t[:, None] * x) / np.where(x > 0, x, 1.0), t[:, None])
    # 1e-13 as documented, and the reference's rounding
    assert risk.bias == pytest.approx(1.69 * left**2 @ w, abs=1e-12)
    assert risk.variance == pytest.approx(0.16 * ratio * (learned**2 * x) @ w, abs=1e-12 * ratio)
    train = 1.69 * (left**2 * x) @ w + 0.16 * (1 - ratio + ratio * left**2 @ w)
    assert risk.train == pytest.approx(train, abs=1e-12)
    assert risk.norm == pytest.approx(1.69 * (learned * x) ** 2 @ w + risk.variance, abs=1e-12 * ratio)


def test_descent_is_an_expectation_and_tends_to_flow():
    x, w = _spectrum(0.5)
    for rate in (0.3, 0.999 * 2 / (1 + math.sqrt(0.5)) ** 2, 0.7):  # the last diverges
        risk = gradient_descent_risk([1, 50, 200], rate, 0.5, noise_std=0.4)
        left = (1 - rate * x) ** np.array([[1], [50], [200]])
        bias, variance = left**2 @ w, 0.16 * 0.5 * ((1 - left) ** 2 / np.where(x > 0, x, 1)) @ w
        # powers of 200 with rounding 1e-16 of an edge times the rate: up to 1e-13 of the largest mode
        assert risk.bias == pytest.approx(bias, rel=1e-10, abs=1e-13)
        assert risk.variance == pytest.approx(variance, rel=1e-10)
    flow = gradient_flow_risk(3.0, 2.0, population=PAIRS, noise_std=0.5)
    steps = gradient_descent_risk(30000, 1e-4, 2.0, population=PAIRS, noise_std=0.5)
    assert list(steps) == pytest.approx(list(flow), rel=1e-3)  # first order in the rate times the top, 1.5e-3
    assert gradient_descent_risk(0, 0.1, 2.0, population=PAIRS).test == pytest.approx(2.2, rel=1e-13)


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_two_point_kernel_gives_ridge_back_from_its_filter(population, ratio):
    def alignment(t):
        return 1 / (1 + t)

    problem = gradient_flow._problem(ratio, population, 1.3, 0.4, alignment)
    for ridge in (1e-3 * problem.edge, 0.3 * problem.edge):
        circle = contour(problem.edge, ridge)
        z = circle.points
        parts = gradient_flow._risk(problem, circle, (ridge / (z + ridge))[None], (1 / (z + ridge))[None])
        risk = ridge_risk(ridge, ratio, population=population, signal_norm=1.3, noise_std=0.4, alignment=alignment)
        found, expected = np.array([part[0] for part in parts]), np.array(risk[:5])
        # train and bias of order top, whatever is left of them
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-12 * max(1.0, problem.edge))


def test_late_flow_is_ridgeless_and_early_flow_follows_its_derivative():
    for ratio in (0.5, 2.0):
        for population in (None, PAIRS):
            kwargs = {"population": population, "noise_std": 0.5}
            end = gradient_flow_risk([1e6, math.inf], ratio, **kwargs)
            for part, last in zip(end, ridge_risk(0.0, ratio, **kwargs), strict=False):
                assert part == pytest.approx([last, last], abs=1e-11)
    # d/dt of the test error at 0: -2 E t^2, of the training error the same; mean square of b: t^2 (E t^2 (1 + ...))
    early = gradient_flow_risk(1e-6, 0.5, population=PAIRS)
    assert (2.2 - early.test) / 1e-6 == pytest.approx(2 * 8.2, rel=1e-4)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 4.0])
def test_ridge_is_at_most_1_69_times_better_than_flow(ratio):
    t = np.geomspace(0.01, 1e3, 40)
    quotient = gradient_flow_risk(t, ratio, noise_std=0.5).test - 0.25
    quotient = quotient / (ridge_risk(1 / t, ratio, noise_std=0.5).test - 0.25)
    assert np.max(quotient) < 1.69  # Ali, Kolter and Tibshirani 2019
    assert np.max(quotient) > (1.2 if ratio == 1 else 1.0)


@pytest.mark.parametrize(("ratio", "power"), [(0.5, 0), (2.0, -1)])
def test_simulated_regressions_have_these_errors(ratio, power):
    rng = np.random.default_rng(1)
    n, draws, noise = 300, 12, 0.5
    p = round(n * ratio)
    t = np.where(np.arange(p) < 0.7 * p, 1.0, 5.0)
    rows = []
    for _ in range(draws):
        beta = rng.standard_normal(p) * t ** (power / 2)
        beta /= np.linalg.norm(beta)
        x = rng.standard_normal((n, p)) * np.sqrt(t)
        y = x @ beta + noise * rng.standard_normal(n)
        values, basis = np.linalg.eigh(x.T @ x / n)
        values = np.maximum(values, 1e-14)
        seen = basis.T @ (x.T @ y) / n
        filters = [1 / (values + 0.1), -np.expm1(-values) / values, (1 - (1 - 0.1 * values) ** 10) / values]
        fits = [basis @ (f * seen) for f in filters]
        rows.append([[np.sum((b - beta) ** 2 * t) + noise**2, np.mean((y - x @ b) ** 2), np.sum(b**2)] for b in fits])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / math.sqrt(draws)
    kwargs = {"population": PAIRS, "noise_std": noise, "alignment": lambda t: t**power}
    theory = [ridge_risk(0.1, ratio, **kwargs)[:3], gradient_flow_risk(1.0, ratio, **kwargs)[:3],
              gradient_descent_risk(10, 0.1, ratio, **kwargs)[:3]]
    # nine correlated numbers: 3.5 standard errors; the largest of 72 at n = 400, 60 draws was 1.8
    assert np.all(np.abs(mean - theory) < 3.5 * error)
    assert np.all(error < 0.06 * np.abs(theory))  # so that a wrong factor shows


def test_shapes_follow_the_arguments():
    assert ridge_risk([[0.1], [0.2]], [0.5, 1.0, 2.0]).norm.shape == (2, 3)
    assert isinstance(ridge_risk(0.1, 0.5).test, float)
    assert gradient_flow_risk(np.ones((2, 2)), 0.5).test.shape == (2, 2)
    assert isinstance(gradient_flow_risk(math.inf, 0.5).test, float)
    assert isinstance(gradient_descent_risk(3, 0.1, 0.5).test, float)


@pytest.mark.parametrize("call", [
    lambda: ridge_risk(-0.1, 0.5), lambda: ridge_risk(0.1, 0.0), lambda: ridge_risk(math.nan, 0.5),
    lambda: ridge_risk(0.1, 0.5, noise_std=-1), lambda: ridge_risk(0.1, 0.5, signal_norm=math.inf),
    lambda: ridge_risk(0.1, 0.5, population=[-1.0, 2.0]), lambda: ridge_risk(0.1, 0.5, population=[]),
    lambda: ridge_risk(0.1, 0.5, population=[(1.0, 0.5), (2.0, 0.6)]),
    lambda: ridge_risk(0.1, 0.5, population=[0.0, 0.0]),
    lambda: ridge_risk(0.1, 0.5, population=[(1.0, 0.5, 2.0)]), lambda: ridge_risk(0.1, 0.5, population="x"),
    lambda: ridge_risk(0.1, 0.5, population=Semicircle()), lambda: ridge_risk(0.1, 0.5, population=2.0),
    lambda: ridge_risk(0.1, 0.5, population=SingularValues(MarchenkoPastur(0.5))),
    lambda: ridge_risk(0.1, 0.5, population=Affine(MarchenkoPastur(2.0), 1.0, -0.1)),
    lambda: ridge_risk(0.1, 0.5, alignment=lambda t: -t),
    lambda: ridge_risk(0.1, 0.5, alignment=lambda t: t * math.nan),
    lambda: optimal_ridge(-1.0), lambda: gradient_flow_risk(-1.0, 0.5), lambda: gradient_flow_risk(math.nan, 0.5),
    lambda: gradient_descent_risk(1.5, 0.1, 0.5), lambda: gradient_descent_risk(1, -0.1, 0.5),
])
def test_bad_input_raises_one_line(call):
    with pytest.raises(ValueError, match=r"^\w+ must [^\n]*; got [^\n]*; [^\n]*$"):
        call()
