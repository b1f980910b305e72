"""Kernels of sampled networks beside their laws, constants of activations, and bad input."""

import math

import numpy as np
import pytest

from theory.kernels.activations import gaussian_equivalent, normalized
from theory.kernels.kernel import conjugate_kernel, tangent_kernel
from theory.kernels.layer_sum import LayerSum


@pytest.mark.parametrize("law", [conjugate_kernel("tanh", 2.0, 4 / 3), conjugate_kernel("relu", 0.5, [0.75, 0.6]),
                                 tangent_kernel("tanh", 0.5, 0.75), tangent_kernel("relu", 0.5, 0.75)])
def test_spectra_of_random_networks_follow_the_law(law):
    n = 500
    for seed in range(2):
        values = np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(seed)))
        values = np.sort(np.where(values < 1e-12, 0.0, values))
        rank = np.arange(1, n + 1) / n
        gap = max(np.max(rank - law.cdf(values)), np.max(law.cdf(np.nextafter(values, -1)) - rank + 1 / n))
        assert gap < 0.012  # 6/n; .006 at n = 1000; the largest of 24 draws at n = 400 was .015


def test_the_low_band_of_a_tangent_kernel_is_met_in_wasserstein_distance():
    law = tangent_kernel("tanh", 2.0, 4 / 3)
    distances = []
    for n in (200, 600):
        values = np.sort(np.linalg.eigvalsh(law.sample_matrix(n, np.random.default_rng(3))))
        distances.append(np.mean(np.abs(values - law.quantile((np.arange(n) + 0.5) / n))))
    assert distances[1] < 0.02  # .0136 at n = 800, .0229 at 400, falling like n^-.8
    assert distances[1] < 0.7 * distances[0]


@pytest.mark.parametrize(
    ("name", "mean", "second", "slope", "slope_square"),
    [
        ("relu", 1 / math.sqrt(2 * math.pi), 0.5, 0.5, 0.5),
        ("erf", 0.0, 2 / math.pi * math.asin(2 / 3), 2 / math.sqrt(3 * math.pi), 4 / (math.pi * math.sqrt(5))),
        ("sin", 0.0, (1 - math.exp(-2)) / 2, math.exp(-0.5), (1 + math.exp(-2)) / 2),
        ("cos", math.exp(-0.5), (1 + math.exp(-2)) / 2, 0.0, (1 - math.exp(-2)) / 2),
        ("abs", math.sqrt(2 / math.pi), 1.0, 0.0, 1.0),
        ("sign", 0.0, 1.0, math.sqrt(2 / math.pi), math.inf),
        ("identity", 0.0, 1.0, 1.0, 1.0),
        ("gelu", 1 / (2 * math.sqrt(math.pi)), None, 0.5, None),
    ],
)
def test_constants_are_the_closed_forms(name, mean, second, slope, slope_square):
    found = normalized(name)
    std = found.std if second is None else math.sqrt(second - mean**2)
    # relative to the second moment, 1e-12; kinks are boxed in panels of 1e-13
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.std == pytest.approx(std, rel=1e-12)
    assert found.slope == pytest.approx(slope / std, rel=1e-12, abs=1e-13)
    if slope_square is not None:
        assert found.slope_square == pytest.approx(slope_square / std**2, rel=1e-10)
    equivalent = gaussian_equivalent(name)
    assert equivalent.linear == pytest.approx(slope, rel=1e-12, abs=1e-13)
    assert equivalent.noise == pytest.approx(std * math.sqrt(1 - found.slope**2), rel=1e-9, abs=1e-12)


def test_constants_of_a_small_variation_on_a_large_mean_are_found():
    # 7 + sin/1000 is given to 1e-15, so its variation to 1e-12 of itself
    found, sine = normalized(lambda z: 7 + 1e-3 * np.sin(z)), normalized("sin")
    assert found.slope == pytest.approx(sine.slope, rel=1e-10)
    assert found.slope_square == pytest.approx(sine.slope_square, rel=1e-7)  # differentiation loses a factor 1e3


def test_quoted_constants_of_tanh_softplus_and_sigmoid():
    for name, std, b, a in (("tanh", 0.627929, 0.964609, 1.177807), ("softplus", 0.521071, 0.959563, 1.080528),
                            ("sigmoid", 0.208276, 0.992052, 1.033592)):
        found = normalized(name)
        assert (found.std, found.slope, found.slope_square) == pytest.approx((std, b, a), abs=6e-7)  # as quoted


def test_gaussian_equivalent_features_have_the_spectrum_of_the_real_ones():
    n, d, h = 600, 300, 450
    rng = np.random.default_rng(0)
    mean, linear, noise = gaussian_equivalent("relu")
    x, w = rng.standard_normal((d, n)), rng.standard_normal((h, d)) / math.sqrt(d)
    features = linear * (w @ x) + noise * rng.standard_normal((h, n))
    values = np.sort(np.linalg.eigvalsh(features.T @ features / h / normalized("relu").std ** 2))
    law = conjugate_kernel("relu", n / d, n / h)
    zero = round(n * law.atoms[0][1])
    rank = np.arange(zero + 1, n + 1) / n
    assert np.max(np.abs(law.cdf(values[zero:]) - rank)) < 6 / n  # eigenvalues repel: about 3/n
    assert mean == pytest.approx(1 / math.sqrt(2 * math.pi))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conjugate_kernel("tan", 1, 1), r"activation must be callable or one of abs, .*; got 'tan'; pass"),
        (lambda: tangent_kernel("sign", 1, 1), r"activation must have no jump, .*; got 'sign'; use"),
        (lambda: conjugate_kernel(lambda z: np.tanh(z).astype(np.float32), 1, 1), r"must return float64; got float32"),
        (lambda: conjugate_kernel(np.ones_like, 1, 1), r"activation must not be constant; got .*; pass"),
        (lambda: conjugate_kernel("tanh", 0, 1), r"samples_per_input must be positive .*; got 0; pass n/d"),
        (lambda: conjugate_kernel("tanh", 1, [1.0, -1.0]), r"samples_per_width must be .*; got .*-1.0.*; pass n/h"),
        (lambda: conjugate_kernel("tanh", 1, []), r"samples_per_width must be one number or .*; got \[\]"),
        (lambda: conjugate_kernel("tanh", 1, [1.0, 2.0], depth=3), r"samples_per_width must be .* depth 3; leave"),
        (lambda: tangent_kernel("tanh", 1, 1, readout_scale=0), r"readout_scale must be positive .*; got 0; pass"),
        (lambda: LayerSum((1.0,), (1.0,), 1.1), r"slope must be at most 1; got 1.1; divide"),
        (lambda: LayerSum((1.0, 2.0), (1.0, 0.0), 0.5), r"weights must be one per ratio, the last .*; got .*; drop"),
    ],
)
def test_bad_input_raises_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
