"""A single-index teacher: the label depends on one direction of Gaussian data."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np

from spectrax.tasks.data import Batch, Data, mean_squared_error


def softplus(z: jax.Array) -> jax.Array:
    """log(1 + e^z), any shape; the teacher of Kothapalli et al. 2024."""
    return jax.nn.softplus(z)


@dataclass(frozen=True)
class SingleIndex:
    """x ~ N(0, I_d), y = g(<x, beta>) + noise_std N(0, 1), beta uniform on the unit sphere.

    `draw(key)` gives train (samples, d), probe (samples, d) and test (test_samples, d) sets and
    directions = {"teacher": beta (d,)}. With `normalised`, g is shifted and scaled to mean 0 and variance 1 under
    z ~ N(0, 1). The authors test on 200 points, too few to see differences between runs; here 4000.
    Source: Kothapalli et al. 2024 (arXiv 2406.04657), section 3; defaults are theirs otherwise.
    Raises ValueError for sizes below 1, a negative or non-finite noise, a constant link to normalise (on drawing).
    """

    samples: int = 2000  # n, of the train set and of the probe set
    inputs: int = 1000  # d
    link: Callable = softplus  # g, jax arrays in and out
    noise_std: float = 0.3  # of the label noise
    normalised: bool = False  # shift and scale g to mean 0, variance 1
    test_samples: int = 4000

    def __post_init__(self):
        for name in ("samples", "inputs", "test_samples"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
        if not (self.noise_std >= 0 and self.noise_std < float("inf")):
            raise ValueError(f"noise_std must be finite and not negative; got {self.noise_std}.")

    def draw(self, key: jax.Array) -> Data:
        """One replicate's data; float32."""
        direction, *sets = jax.random.split(key, 4)
        beta = jax.random.normal(direction, (self.inputs,))
        beta = beta / jnp.linalg.norm(beta)
        sizes = (self.samples, self.samples, self.test_samples)
        train, probe, test = (self._batch(k, n, beta) for k, n in zip(sets, sizes, strict=True))
        return Data(train, probe, test, {"teacher": beta})

    def loss(self, output: jax.Array, batch: Batch) -> jax.Array:
        """Mean of (f - y)^2, without 1/2. Scalar."""
        return mean_squared_error(output, batch)

    def _batch(self, key, n, beta):
        inputs, noise = jax.random.split(key)
        x_nd = jax.random.normal(inputs, (n, self.inputs))
        # a float32 product on every device: labels must not depend on the matrix precision of an accelerator
        z_n = jnp.matmul(x_nd, beta, precision=jax.lax.Precision.HIGHEST)
        shift, scale = self._moments()
        return Batch(x_nd, (self.link(z_n) - shift) / scale + self.noise_std * jax.random.normal(noise, (n,)))

    def _moments(self):
        if not self.normalised:
            return 0.0, 1.0
        # trapezoid rule on a Gaussian weight: converges geometrically for smooth g, 1e-7 for a kink, below float32
        z = np.linspace(-9.0, 9.0, 20001)
        weight = np.exp(-(z**2) / 2)
        weight /= weight.sum()
        g = np.asarray(self.link(jnp.asarray(z, jnp.float32)), np.float64)
        mean = float(weight @ g)
        std = float(weight @ (g - mean) ** 2) ** 0.5
        # below the resolution of a float32 link it is a constant
        if not 1e-6 * abs(mean) < std < float("inf"):
            raise ValueError(
                f"link must vary and be finite to be normalised; its standard deviation is {std}. Use normalised=False."
            )
        return mean, std
