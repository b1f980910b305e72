"""Where the solver starts: fixed points kept once per band, interpolated."""

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from theory.free.subordinated import Subordinated

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Guide:
    """Fixed points on one band at equal distances in its coordinate: starts that save most of the solver's steps."""

    def __init__(self, law: "Subordinated", band: int) -> None:
        self.axis, self.size = law._axis(band), law._width
        low, high = self.axis.ends
        self.angle = np.linspace(low, high, 131 + int(4 * (high - low - np.pi)))[1:-1]
        x = self.axis.at(self.angle)
        z = x.astype(np.complex128)
        self.w = law._solve(z, law._start(z))
        self.bounded = math.isfinite(law.bands[band][1] - law.bands[band][0])
        self.share = self.w.real / np.hypot(x, self.size)

    def start(self, x: FloatArray) -> ComplexArray:
        """Interpolates; Im w falls like the angle towards the edges, over many decades down a tail."""
        t = self.axis.angle(x)
        if not self.bounded:
            real = np.interp(t, self.angle, self.share) * np.hypot(x, self.size)
            return real + 1j * np.exp(np.interp(t, self.angle, np.log(np.maximum(self.w.imag, 1e-250 * self.size))))
        end = np.minimum(np.minimum(t / self.angle[0], (np.pi - t) / self.angle[0]), 1.0)
        real, imag = np.interp(t, self.angle, self.w.real), np.interp(t, self.angle, self.w.imag)
        return real + 1j * np.maximum(imag * end, 1e-12 * np.max(self.w.imag))


@functools.lru_cache(maxsize=64)
def guide(law: "Subordinated", band: int) -> Guide:
    """Returns the guide of a band, kept for the last 64."""
    with np.errstate(all="ignore"):
        return Guide(law, band)
