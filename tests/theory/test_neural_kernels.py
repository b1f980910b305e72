"""Conjugate and tangent kernels against 30-digit arithmetic, two other recursions, limits and sampled networks."""

import math

import numpy as np
import pytest
from mpmath import mp

from theory.kernels.activations import normalized
from theory.kernels.edges import support
from theory.kernels.kernel import NeuralKernel, conjugate_kernel, tangent_kernel
from theory.kernels.layer_sum import LayerSum
from theory.laws.marchenko_pastur import MarchenkoPastur
from theory.quadrature import panel_points

CASES = [
    (activation, *ratios, readout)
    for activation, ratios in (
        ("tanh", (2.0, 4 / 3)), ("tanh", (0.5, 0.75)), ("relu", (2.0, 0.5)), ("relu", (0.3, 3.0)), ("erf", (5.0, 4.0)),
        ("softplus", (1.0, 1.5)),
    )
    for readout in (0.0, 1.0, 1.7)
]
POINTS = [1 + 1j, 3 + 1e-3j, 0.3 + 0.01j, -2 + 1j, -1.0, 200.0]


def _law(activation, per_input, per_width, readout):
    return NeuralKernel(activation, per_input, (per_width,), readout)


def _one_unknown(law):
    """The equation F(s, z) = 0 and m(s, z) of one hidden layer with both integrals in the transform of the data.

    s = 1 + g int phi/(A - z + phi/s) dmu, m = int 1/(A - z + phi/s) dmu; phi = 1 - b^2 + b^2 x, A = r + q x: the
    denominators are affine in x, so int (p + q x)/(u + v x) dmu = q/v + (p - q u/v) int 1/(u + v x) dmu.
    """
    constants = normalized(law.activation)
    b2, a = mp.mpf(constants.slope) ** 2, mp.mpf(constants.slope_square)
    r, q = law.readout_scale * (a - b2), law.readout_scale * b2
    y, g = mp.mpf(law.samples_per_input), mp.mpf(law.samples_per_width[0])
    low, high = (1 - mp.sqrt(y)) ** 2, (1 + mp.sqrt(y)) ** 2

    def data(w):
        """int 1/(x - w) dmu for Marchenko-Pastur with ratio y."""
        real = isinstance(w, mp.mpf)
        root = mp.sign(w - low) * mp.sqrt((w - low) * (w - high)) if real else mp.sqrt(w - low) * mp.sqrt(w - high)
        return (1 - y - w + root) / (2 * y * w)

    def parts(s, z):
        u, v = r - z + (1 - b2) / s, q + b2 / s
        inverse = data(-u / v) / v
        return b2 / v + ((1 - b2) - b2 * u / v) * inverse, inverse

    return (lambda s, z: s - 1 - g * parts(s, z)[0]), (lambda s, z: parts(s, z)[1])


def _exact(law, z):
    """m(z) with 30 digits: fixed point far up, where it contracts, then down in small steps by the secant method."""
    equation, transform = _one_unknown(law)
    target = mp.mpc(z)
    height, s = mp.mpf(60), mp.mpc(1)
    for _ in range(60):
        s = s - equation(s, target + 1j * height)
    while height > 1e-9:
        height *= mp.mpf("0.5")
        s = mp.findroot(lambda t, w=target + 1j * height: equation(t, w), s, solver="muller")
        assert s.imag > 0
    return complex(transform(mp.findroot(lambda t: equation(t, target), s, solver="muller"), target))


@pytest.mark.parametrize("case", [CASES[i] for i in (0, 1, 2, 5, 7, 10, 13, 16)])
def test_transform_and_density_agree_with_the_one_unknown_equation_in_30_digits(case):
    law = _law(*case)
    edges = [x for band in law.bands for x in band]
    with mp.workdps(30):
        for z in POINTS[:4]:
            assert law.stieltjes(z) == pytest.approx(_exact(law, z), rel=1e-12)
        inside = edges[0] + 0.37 * (edges[1] - edges[0])
        # interior: conditioning of the equation, some 1e2
        assert law.pdf(inside) == pytest.approx(_exact(law, inside).imag / math.pi, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_edges_are_double_roots_of_the_one_unknown_equation(case):
    law = _law(*case)
    with mp.workdps(30):
        equation, _ = _one_unknown(law)
        ends = [edge for band in support(law._layers._layers) for edge in band if edge.k is not None]
        for edge, position in zip(ends, (x for band in law.bands for x in band), strict=True):
            # where F and dF/ds vanish together; s = 1/k of the last layer
            start = mp.mpf(float(1 / edge.k[-1])), mp.mpf(float(edge.y)) + law.offset
            s, z = mp.findroot(lambda t, w: [equation(t, w), mp.diff(lambda v: equation(v, w), t)], start, tol=1e-16)
            assert float(z) == pytest.approx(position, rel=2e-13)  # conditioning some 1e3 at the lowest edges
            assert float(s) == pytest.approx(1 / edge.k[-1], rel=1e-10)


def _fan_wang(z, w, gammas, square, data):
    """t_l(z, w) of Fan and Wang 2020, theorem 3.7: z = (z_-1, ..., z_l), w likewise; s_l by fixed point."""
    last = len(z) - 2
    if last == 0:
        point = -z[0] / z[1]
        inverse = data(point) / z[1]
        return w[1] / z[1] + (w[0] - w[1] * z[0] / z[1]) * inverse
    unit = [1 - square, *[0.0] * last, 0.0]
    unit[last] = square
    s = 1 / z[-1]
    for _ in range(400):
        new = 1 / z[-1] + gammas[last] * _reduced(z, unit, s, gammas, square, data)
        if abs(new - s) < 1e-14 * abs(s):
            break
        s = new
    return _reduced(z, w, s, gammas, square, data)


def _reduced(z, w, s, gammas, square, data):
    share = w[-1] / z[-1]
    below = list(z[:-1])
    below[0] += (1 - square) / s
    below[-1] += square / s
    return share + _fan_wang(below, [a - share * c for a, c in zip(w[:-1], z[:-1], strict=True)], gammas, square, data)


@pytest.mark.parametrize(("activation", "per_width"),
                         [("tanh", (4 / 3,)), ("tanh", (4 / 3, 10 / 9)), ("relu", (0.5, 0.8))])
def test_deep_tangent_kernel_agrees_with_the_recursion_of_fan_and_wang(activation, per_width):
    law, point = tangent_kernel(activation, 2.0, per_width), 1 + 1j
    square, depth = normalized(activation).slope ** 2, len(per_width)
    data = MarchenkoPastur(2.0).stieltjes
    z = [law.offset - point, *(square ** (depth - level) for level in range(depth + 1))]
    found = _fan_wang(z, [1.0, *[0.0] * (depth + 1)], (2.0, *per_width), square, data)
    assert law.stieltjes(point) == pytest.approx(found, rel=1e-12)  # the fixed point stops at 1e-14


def test_deep_tangent_kernel_has_the_published_value():
    # (n, d, h1, h2) = (1000, 500, 750, 900), tanh: .08674 + .59776 i by the recursion, .08623 + .59546 i sampled
    law = tangent_kernel("tanh", 2.0, [1000 / 750, 1000 / 900])
    assert law.stieltjes(1 + 1j) == pytest.approx(0.08674 + 0.59776j, abs=6e-6)


@pytest.mark.parametrize(("per_input", "per_width"), [(0.5, 0.75), (2.0, 0.5), (2.0, 4 / 3), (50.0, 0.02), (0.3, 5.0)])
def test_edges_of_one_layer_are_critical_points_of_an_explicit_map(per_input, per_width):
    """With v the point of the data's population, x = u (1 + g E): u = 1 - b^2 + b^2 v (v - 1 + y)/(v - 1),
    E = 1/(v - 1) + (1/b^2 - 1)/(v - 1 + y), rational in v; the edges are critical values."""
    b2, y, g = normalized("relu").slope ** 2, per_input, per_width
    p, v = np.polynomial.Polynomial([-1, 1]), np.polynomial.Polynomial([0, 1])
    q = p + y
    numerator = ((1 - b2) * p + b2 * v * q) * (p * q + g * (q + (1 / b2 - 1) * p))
    denominator = p * p * q
    slope = numerator.deriv() * denominator - numerator * denominator.deriv()
    roots = slope.roots()
    real = roots[np.abs(roots.imag) < 1e-6 * np.abs(roots)].real
    real = real[np.abs(real - 1) > 1e-9]  # the double pole
    values = numerator(real) / denominator(real)
    for band in conjugate_kernel("relu", per_input, per_width).bands:
        for edge in band:
            # roots of a polynomial with coefficients up to 1e4 are right to 1e-6, critical values to its square
            assert np.min(np.abs(values / edge - 1)) < 1e-9


def test_a_slope_wrong_by_a_millionth_is_noticed():
    law = conjugate_kernel("tanh", 2.0, 4 / 3)
    wrong = LayerSum((2.0, 4 / 3), (0.0, 1.0), normalized("tanh").slope * (1 + 1e-6))
    with mp.workdps(30):
        exact = _exact(law, 0.3 + 0.01j)
    assert abs(law.stieltjes(0.3 + 0.01j) / exact - 1) < 1e-12 < 1e-7 < abs(wrong.stieltjes(0.3 + 0.01j) / exact - 1)


@pytest.mark.parametrize("case", CASES)
def test_mean_and_second_moment_are_closed_forms(case):
    law, constants = _law(*case), normalized(case[0])
    b2, a, s = constants.slope**2, constants.slope_square, law.readout_scale
    y, g = law.samples_per_input, law.samples_per_width[0]
    # E tr (q X0'X0 + X1'X1)^2/n = q^2 (1 + y) + 2 q (1 + b^2 y) + 1 + b^4 y + g
    q, r = s * b2, s * (a - b2)
    second = q**2 * (1 + y) + 2 * q * (1 + b2 * y) + 1 + b2**2 * y + g
    assert law.mean == pytest.approx(1 + s * a, rel=1e-13)
    assert law.moment(2) == pytest.approx(r**2 + 2 * r * (1 + q) + second, rel=1e-13)
    assert law.expectation(lambda x: x**2) == pytest.approx(law.moment(2), rel=1e-11)
    assert law.std == pytest.approx(math.sqrt(law.moment(2) - law.mean**2), rel=1e-10)


def test_mean_of_a_deep_tangent_kernel_adds_a_power_per_layer():
    a = normalized("relu").slope_square
    assert tangent_kernel("relu", 0.7, 0.9, depth=3).mean == pytest.approx(1 + a + a**2 + a**3, rel=1e-13)
    assert conjugate_kernel("relu", 0.7, 0.9, depth=3).mean == pytest.approx(1, rel=1e-13)


def test_linear_square_layers_multiply_to_the_fuss_catalan_law():
    # X0 and X1 square, b = 1: density of a product of two Wishart matrices (Penson and Zyczkowski 2011)
    law = conjugate_kernel("identity", 1.0, 1.0)
    x = np.array([1e-6, 1e-3, 0.1, 1.0, 5.0, 6.7])
    root = np.sqrt(81 - 12 * x)
    inner = 2 ** (1 / 3) * (27 + 3 * root) ** (2 / 3) - 6 * np.cbrt(x)
    exact = 2 ** (1 / 3) * math.sqrt(3) / (12 * math.pi) * inner / (np.cbrt(x) ** 2 * np.cbrt(27 + 3 * root))
    assert law.pdf(x) == pytest.approx(exact, rel=1e-10)
    assert law.bands[0] == pytest.approx((0, 6.75), rel=1e-14)
    assert law.cdf(1e-12) == pytest.approx(3 * 1e-12 * exact[0] * 1e-6 ** (2 / 3) / 1e-12 ** (2 / 3), rel=1e-2)
    assert law.moment(4) == pytest.approx(55, rel=1e-13)  # binom(12, 4)/9


def test_an_infinitely_wide_layer_leaves_the_linear_kernel_of_the_data():
    b2 = normalized("tanh").slope ** 2
    law, data = conjugate_kernel("tanh", 0.5, 1e-9), MarchenkoPastur(0.5)
    x = np.linspace(0.2, 2.7, 9)
    assert law.cdf(1 - b2 + b2 * x) == pytest.approx(data.cdf(x), abs=1e-7)  # first order in n/h, times the density
    wide = tangent_kernel("tanh", 0.5, 1e-9)
    assert wide.cdf(wide.offset + 1 - b2 + 2 * b2 * x) == pytest.approx(data.cdf(x), abs=1e-7)


@pytest.mark.parametrize("activation", ["abs", "cos"])
def test_an_even_activation_forgets_the_data(activation):
    a = normalized(activation).slope_square
    x = np.linspace(0.01, 4, 9)
    assert conjugate_kernel(activation, 3.0, 0.7).cdf(x) == pytest.approx(MarchenkoPastur(0.7).cdf(x), abs=1e-12)
    assert tangent_kernel(activation, 3.0, 0.7).cdf(x + a) == pytest.approx(MarchenkoPastur(0.7).cdf(x), abs=1e-12)


def test_a_readout_that_vanishes_leaves_the_conjugate_kernel():
    x = np.linspace(0.05, 8, 9)
    small, kernel = tangent_kernel("tanh", 2.0, 0.8, readout_scale=1e-12), conjugate_kernel("tanh", 2.0, 0.8)
    assert small.cdf(x) == pytest.approx(kernel.cdf(x), abs=1e-11)


def test_centre_scale_and_sign_of_the_activation_do_not_matter():
    plain = tangent_kernel("tanh", 2.0, 0.8)
    moved = tangent_kernel(lambda z: 5 - 3 * np.tanh(z), 2.0, 0.8)
    assert np.array(moved.bands) == pytest.approx(np.array(plain.bands), rel=1e-11)


@pytest.mark.parametrize(
    ("ratios", "weights", "atom"),
    [((4.0, 3.0), (0.9, 1.0), 1 - 1 / 4 - 1 / 3), ((0.5, 3.0), (0.0, 1.0), 2 / 3), ((9.0, 3.0), (0.0, 1.0), 2 / 3)],
)
def test_ranks_below_n_leave_an_atom(ratios, weights, atom):
    law = LayerSum(ratios, weights, 0.9)
    assert law.atoms == ((0.0, pytest.approx(atom, rel=1e-14)),)
    masses = [law.cdf(high) - law.cdf(np.nextafter(low, -1)) for low, high in law.bands]
    assert sum(masses) == pytest.approx(1 - atom, abs=1e-12)
    assert law.stieltjes(-1e-12) * 1e-12 == pytest.approx(atom, rel=1e-9)  # 1e-12 times the transform of the band


def test_nested_ranks_of_a_linear_network_leave_the_smallest():
    assert LayerSum((4.0, 2.0), (0.0, 1.0), 1.0).atoms == ((0.0, 0.75),)
    assert LayerSum((2.0, 4.0), (1.0, 1.0), 1.0).atoms == ((0.0, 0.5),)


@pytest.mark.parametrize("law", [LayerSum((2.0, 2.0), (0.9, 1.0), 0.95), LayerSum((3.0, 1.0), (0.0, 1.0), 0.95),
                                 LayerSum((2.0, 2.0), (0.0, 1.0), 1.0)])
def test_where_the_rank_just_reaches_n_the_edge_is_hard(law):
    assert law.bands[0][0] == 0
    assert law.pdf(0.0) == math.inf
    x = np.array([1e-300, 1e-22, 1e-12, 1e-9])
    constant = law.pdf(x) * np.sqrt(x)
    assert constant == pytest.approx(constant[2], rel=1e-4)  # next order sqrt(x) relative
    assert law.cdf(1e-12) - (law.atoms[0][1] if law.atoms else 0) == pytest.approx(2e-6 * constant[2], rel=1e-5)


def test_a_nearly_hard_edge_keeps_its_mass():
    law = LayerSum((0.7, 1 + 1e-6), (0.0, 1.0), 0.9)
    low = law.bands[0][0]
    edges = np.linspace(math.log(1e-20), 0, 200)  # of log(x - low), in which the density has no narrow structure
    u, w = panel_points(edges[:-1], edges[1:])
    x = low + np.exp(u)
    for top in (50, 100, 199):  # x - low = 1e-15, 1e-10, 1
        mass = np.sum((w * law.pdf(x) * np.exp(u))[:top])
        assert law.cdf(low + math.exp(edges[top])) - law.atoms[0][1] == pytest.approx(mass, rel=1e-6, abs=1e-12)
    assert 1e-14 < low < 1e-12


def test_narrow_bands_far_apart_are_all_found():
    # n/d = 1e4, n/h = 100: r_+ (n - d - h), the hidden units, the inputs
    law = tangent_kernel("tanh", 1e4, 1e2)
    masses = [law.cdf(high) - law.cdf(np.nextafter(low, -1)) for low, high in law.bands]
    assert masses[-1] == pytest.approx(1e-4, rel=1e-9)
    assert sum(masses) == pytest.approx(1e-4 + 1e-2, rel=1e-9)
    # found only on the finer search grid
    assert len(LayerSum((4.95e-5, 1.51), (1.0, 1.0), 1.0).bands) == 2


def test_a_gap_much_narrower_than_the_search_grid_is_found():
    law = LayerSum((2.0, 1.3, 1.1), (0.8, 0.9, 1.0), 0.95)
    (_, low), (high, _) = law.bands
    assert 0 < high - low < 1e-3 * low
    assert law.pdf((low + high) / 2) == 0
    assert math.isfinite(law.stieltjes((low + high) / 2))


def test_density_continues_through_the_square_root_next_to_edges():
    for law in (conjugate_kernel("tanh", 2.0, 4 / 3), tangent_kernel("relu", 0.5, 0.75)):
        low, high = law.bands[0]
        distance = (high - low) * np.array([1e-12, 3e-9, 3e-8, 1e-7])
        for points in (low + distance, high - distance):
            ratio = law.pdf(points) / np.sqrt(np.minimum(points - low, high - points))
            # next order 1e-7 width over the scale of the edge, 1e-3 width at the lower edge of the first law
            assert ratio == pytest.approx(ratio[0], rel=1e-3)
            assert ratio[1:3] == pytest.approx(ratio[:2].mean(), rel=3e-4)
