"""Spectra of the conjugate and the neural tangent kernel of a random network with width proportional to the data."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory import checks
from theory.activations import Activation
from theory.kernels.activations import finite_slope, normalized
from theory.kernels.layer_sum import LayerSum
from theory.kernels.sampled import sampled_kernel
from theory.law import Law, Pairs, _order, _whole, elementwise

FloatArray = NDArray[np.float64]
MOST_LAYERS = 1000


def conjugate_kernel(
    activation: Activation, samples_per_input: float, samples_per_width: float | Sequence[float], *, depth: int = 1
) -> "NeuralKernel":
    """Law of the conjugate kernel X_L^T X_L, n x n, of the last hidden layer: the Gram matrix of its features.

    `samples_per_input` is n/d, `samples_per_width` n/h or one n/h_l per hidden layer; one number is used for all of
    `depth` layers. Mean 1. See `NeuralKernel` for the network, validity and errors.
    Raises ValueError for an unknown or unusable activation, ratios that are not positive, or as many ratios as don't
    fit `depth`. Source: Fan and Wang 2020, theorem 3.4.

    >>> law = conjugate_kernel("tanh", 0.5, 0.75)
    >>> [round(x, 4) for x in law.bands[0]]
    [0.0096, 4.8455]
    """
    return NeuralKernel(activation, samples_per_input, _per_layer(samples_per_width, depth), 0.0)


def tangent_kernel(
    activation: Activation, samples_per_input: float, samples_per_width: float | Sequence[float], *, depth: int = 1,
    readout_scale: float = 1.0,
) -> "NeuralKernel":
    """Law of the neural tangent kernel, all layers trained; mean 1 + a + ... + a^L, a = E s'^2, at initialisation.

    `readout_scale` is |v_t|^2/|v_0|^2: where training changes the readout but not the other layers' bulk, the kernel is
    CK + readout_scale (NTK - CK). Other parameters as for `conjugate_kernel`. Raises ValueError also for activations
    that jump (a infinite).
    Other validity and errors as `conjugate_kernel`. Source: Fan and Wang 2020, theorem 3.7; the factor readout_scale is
    derived here, checked by sampled kernels.

    >>> law = tangent_kernel("tanh", 2.0, 4 / 3)
    >>> [[round(x, 4) for x in band] for band in law.bands], round(law.mean, 6)
    ([[0.2488, 0.421], [0.5653, 13.76]], 2.177807)
    """
    scale = checks.positive("readout_scale", readout_scale, "pass |v_t|^2/|v_0|^2, 1 at initialisation")
    return NeuralKernel(activation, samples_per_input, _per_layer(samples_per_width, depth), scale)


@dataclass(frozen=True)
class NeuralKernel(Law):
    """Eigenvalues of CK + readout_scale (NTK - CK); the conjugate kernel for readout_scale 0, the tangent kernel for 1.

        f(x) = v^T x_L,  x_l = s(W_l x_{l-1})/sqrt(h_l),  x_0 = x/sqrt(d),   entries of x, W_l ~ N(0, 1), |v|^2 = h_L
        CK = X_L^T X_L,   NTK ~ r + sum_l b^(2(L-l)) X_l^T X_l,   r = sum_{l<L} (a^(L-l) - b^(2(L-l)))

    s is `activation`, a name or a NumPy function, centred and scaled to unit variance here; b = E s', a = E s'^2.
    Limit n, d, h_l -> oo at fixed ratios n/d and n/h_l. Finitely many outliers (from a mean or from E s'' through the
    norms of the data) are not part of the law. At n = 1000 sampled conjugate kernels, and tangent kernels with n <= d,
    are met to .006 in distribution; the narrow low band of a tangent kernel with n > d is smeared by the fluctuating
    diagonal (.09 at n = 1000, tanh, n/d = 2, n/h = 4/3), though the Wasserstein distance is .01: compare that.
    Raises ValueError for ratios that are not positive and for unusable activations; ArithmeticError where an equation
    does not converge or a band is too narrow to be found (not seen in 300 random cases with ratios of 1e-5 to 1e5).
    Source: Fan and Wang 2020, theorems 3.4 and 3.7; Pennington and Worah 2017. Equations: `theory.kernels.layers`.
    """

    activation: Activation
    samples_per_input: float
    samples_per_width: tuple[float, ...]
    readout_scale: float = 0.0

    def __post_init__(self) -> None:
        inputs = checks.positive("samples_per_input", self.samples_per_input, "pass n/d")
        widths = _per_layer(self.samples_per_width, 1)
        scale = checks.non_negative("readout_scale", self.readout_scale, "pass 0 for the conjugate kernel")
        constants = finite_slope(self.activation) if scale else normalized(self.activation)
        square, depth = constants.slope**2, len(widths)
        below = [scale * square ** (depth - level) for level in range(depth)]
        offset = sum(scale * (constants.slope_square**j - square**j) for j in range(1, depth + 1)) if scale else 0.0
        # with b = 0 every layer forgets the one below
        layers = LayerSum(widths[-1:], (1.0,), 1.0) if square == 0 else (
            LayerSum((inputs, *widths), (*below, 1.0), abs(constants.slope)))
        for name, value in (("samples_per_input", inputs), ("samples_per_width", widths), ("readout_scale", scale),
                            ("_layers", layers), ("offset", max(offset, 0.0))):
            object.__setattr__(self, name, value)

    @classmethod
    def examples(cls) -> Sequence["NeuralKernel"]:
        """Both kernels; smooth, kinked, even, linear activations; one or two hidden layers; a readout that moved."""
        return [
            conjugate_kernel("tanh", 2.0, 4 / 3), conjugate_kernel("tanh", 0.5, 0.75), conjugate_kernel("relu", 2, 0.5),
            conjugate_kernel("erf", 0.5, 1.0), conjugate_kernel("softplus", 1.5, [0.8, 0.6]),
            tangent_kernel("tanh", 2.0, 1.5), tangent_kernel("relu", 0.5, 0.75), tangent_kernel("gelu", 2, 0.5),
            tangent_kernel("tanh", 0.7, [0.9, 0.8]), tangent_kernel("tanh", 0.5, 0.75, readout_scale=1.5),
            conjugate_kernel("abs", 0.5, 0.7), tangent_kernel("identity", 0.6, 0.8),
        ]

    @property
    def bands(self) -> Pairs:
        """Bands of the sum of layers, moved by `offset`."""
        return tuple((low + self.offset, high + self.offset) for low, high in self._layers.bands)

    @property
    def atoms(self) -> Pairs:
        """((offset, 1 - rank/n),) where the ranks of the layers fall short of n."""
        return tuple((x + self.offset, mass) for x, mass in self._layers.atoms)

    @elementwise
    def pdf(self, x: FloatArray) -> FloatArray:
        """Density of the continuous part."""
        return self._layers.pdf(x - self.offset)

    @elementwise
    def cdf(self, x: FloatArray) -> FloatArray:
        """P(X <= x), atom included."""
        return self._layers.cdf(x - self.offset)

    @elementwise
    def sf(self, x: FloatArray) -> FloatArray:
        """P(X > x)."""
        return self._layers.sf(x - self.offset)

    @elementwise
    def quantile(self, p: FloatArray) -> FloatArray:
        """inf{x: cdf(x) >= p}."""
        return self._layers.quantile(p) + self.offset

    def expectation(self, f: Callable[[FloatArray], FloatArray]) -> float:
        """E f(X), atom included, for f smooth on the scale of each band."""
        return self._layers.expectation(lambda x: f(x + self.offset))

    def moment(self, k: int) -> float:
        """E X^k, exact up to rounding."""
        _whole(k)
        terms = (math.comb(k, j) * self.offset ** (k - j) * self._layers.moment(j) for j in range(k + 1))
        return math.fsum(terms)

    @property
    def std(self) -> float:
        """Standard deviation."""
        return self._layers.std

    def free_cumulant(self, k: int) -> float:
        """Free cumulant of the sum of layers, the offset added to the first."""
        return self._layers.free_cumulant(_order(k)) + (self.offset if k == 1 else 0.0)

    def sample_matrix(self, n: int, rng: np.random.Generator) -> FloatArray:
        """The kernel matrix of one random network on Gaussian data, readout +-1; sizes next to n over the ratios."""
        n = checks.count("size of the matrix", n, "pass n >= 1")
        inputs, *widths = (max(1, round(n / g)) for g in (self.samples_per_input, *self.samples_per_width))
        return sampled_kernel(self.activation, n, inputs, widths, self.readout_scale, rng)

    def matrix_gap(self, n: int) -> float:
        """5/n, and what a scale of 1 + spread does to the law: it smears narrow bands and dissolves atoms off 0.

        The spread is that of |x|^2/d, sqrt(2/d), and for a tangent kernel of several hidden layers 1.5 standard
        deviations of the squared norm of what is propagated back, of variance 2/h per layer below the last: it moves
        less than half of the kernel. Not exceeded in 306 draws of one hidden layer and 90 of two.
        """
        back = sum(self.samples_per_width[:-1]) if self.readout_scale else 0.0
        spread = math.sqrt(2 * self.samples_per_input / n) + 1.5 * math.sqrt(2 * back / n)
        values = self.quantile(np.linspace(0, 1, 2001))
        smeared = np.max(self.cdf(values * (1 + spread)) - self.cdf(values))
        return 5 / n + float(smeared) + sum(mass for x, mass in self.atoms if x > 0)

    def _stieltjes(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return self._layers._stieltjes(z - self.offset)

    offset: ClassVar[float]  # r, of this instance
    _layers: ClassVar[LayerSum]


def _per_layer(samples_per_width: ArrayLike, depth: int) -> tuple[float, ...]:
    depth = checks.count("depth", depth, "pass the number of hidden layers")
    if depth > MOST_LAYERS:
        raise ValueError(f"depth must be at most {MOST_LAYERS}; got {depth}; pass the number of hidden layers")
    ratios = checks.array("samples_per_width", samples_per_width, "pass n/h, or one per hidden layer", above=0)
    if ratios.ndim == 0:
        return (float(ratios),) * depth
    if ratios.ndim > 1 or ratios.size == 0 or depth not in (1, ratios.size):
        shown = checks.shown(samples_per_width)
        raise ValueError(f"samples_per_width must be one number or one per hidden layer; got {shown} for "
                         f"depth {depth}; leave depth out")
    return tuple(float(g) for g in ratios)
