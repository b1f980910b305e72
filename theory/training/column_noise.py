"""Spectrum of W^T W/h for rows drawn from a covariance that is itself a sample covariance between two profiles.

    Sigma = diag(s_k) + D C D,   D = diag(sqrt(b_k)),   C = X^T diag(rho_i) X/n,   X (n, d) standard Gaussian

With p_k the weights of the columns, w_i = 1/n those of the samples, aspect = d/n, ratio = d/h and nu = 1/mu, two
equations fix nu and g at the eigenvalue z of W^T W/h (deterministic equivalents as h, d, n -> oo):

    D(g) = sum_i w_i rho_i/(1 - rho_i g),   u_k = s_k + b_k D(g),   R_k = 1/(nu - u_k)
    F1 = g - aspect sum_k p_k b_k R_k = 0,   F2 = nu (1 - ratio) + ratio nu^2 sum_k p_k R_k - z = 0

The density at z is Im(-1/nu)/(pi ratio) on the branch Im nu > 0 for Im z -> 0+. Off the spectrum (nu, g) is real with
dF1/dg > 0 and dz/dnu > 0; edges are where dz/dnu = 0. For b = 0 these are the equations of Silverstein and Bai 1995
with nu = -1/m. In nu nothing is singular, at a hard edge (ratio 1, z = nu = 0) neither.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BLOCK = 2**15  # complex numbers held at a time: what a core keeps in its cache


@dataclass(frozen=True, eq=False)
class ColumnNoise:
    """What fixes the law."""

    ratio: float  # d/h
    aspect: float  # d/n
    floor: FloatArray  # s (k,)
    gain: FloatArray  # b (k,)
    weight: FloatArray  # p (k,)
    square: FloatArray  # rho (m,), ascending
    share: FloatArray  # weights of rho, of total 1 (m,)

    def at(self, nu: NDArray[Any], g: NDArray[Any]) -> "Point":
        """Evaluates the equations at points (m,)."""
        block = max(1, BLOCK // max(len(self.square), len(self.floor)))
        if len(nu) <= block:
            return self._at(nu, g)
        parts = [self._at(nu[k : k + block], g[k : k + block]) for k in range(0, len(nu), block)]
        return Point(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def sums(self, nu: NDArray[Any], d: NDArray[Any]) -> "Sums":
        """The sums over columns at nu and D, each (m,)."""
        return Sums.of(nu, d, self.floor, self.gain, self.weight)

    def _at(self, nu: NDArray[Any], g: NDArray[Any]) -> "Point":
        c, rho = self.ratio, self.square
        # in place: fresh arrays of this size cost more than the arithmetic
        inner = np.multiply.outer(g, rho)
        np.reciprocal(np.subtract(1, inner, out=inner), out=inner)
        d = inner @ (self.share * rho)
        pull_g = np.max(np.abs(inner) * rho, axis=1)
        d_g = np.multiply(inner, inner, out=inner) @ (self.share * rho**2)
        r = self.sums(nu, d)
        # nu R = 1 + u R: for large ratios the first form would cancel, next to a hard edge the second
        z = nu * (1 - c) + c * nu**2 * r.r1 if c < 2 else nu * (1 + c * (r.r1s + d * r.r1b))
        return Point(
            nu,
            g,
            first=g - self.aspect * r.r1b,
            z=z,
            first_nu=self.aspect * r.r2b,
            first_g=1 - self.aspect * d_g * r.r2bb,
            z_nu=1 - c + 2 * c * nu * r.r1 - c * nu**2 * r.r2,
            z_g=c * nu**2 * d_g * r.r2b,
            pull_nu=r.pull,
            pull_g=pull_g + r.pull_d * np.abs(d_g),
        )

    def solve(self, z: NDArray[Any], nu: NDArray[Any], g: NDArray[Any]) -> tuple["Point", FloatArray]:
        """Newton from points near the solution at z (m,); also returns the size of each last step.

        Sizes are relative to the distance to the nearest pole. Steps stop at 1e-7: the next would be 1e-14. Points
        that don't get there in 8 steps, or jump over a pole, keep a size above 1e-7.
        """
        with np.errstate(all="ignore"):
            point, size = self.at(nu, g), np.full(nu.shape, np.inf)
            for _ in range(8):
                excess, determinant = point.z - z, point.determinant
                dg = (point.first * point.z_nu - excess * point.first_nu) / determinant
                dnu = (excess * point.first_g - point.first * point.z_g) / determinant
                nu, g = nu - dnu, g - dg
                size = np.abs(dnu) * point.pull_nu + np.abs(dg) * point.pull_g
                size = np.where(size < 1, size, np.inf)
                if not np.max(size, initial=0.0) > 1e-7:
                    break
                point = self.at(nu, g)
        return point._replace(nu=nu, g=g), size


class Sums(NamedTuple):
    """sum p R, p b R, p s R, p R^2, p b R^2, p b^2 R^2 at points (m,); largest |R| and |b R|."""

    r1: Any
    r1b: Any
    r1s: Any
    r2: Any
    r2b: Any
    r2bb: Any
    pull: Any
    pull_d: Any

    @classmethod
    def of(cls, nu: NDArray[Any], d: NDArray[Any], s: NDArray[Any], b: NDArray[Any], p: NDArray[Any]) -> "Sums":
        """For floor s, gain b and weight p at nodes (k,), real or complex."""
        r = np.multiply.outer(d, b)
        r = np.reciprocal(np.subtract(nu[:, None] - s, r, out=r), out=r)
        r1, r1b, r1s = (r @ np.stack([p, p * b, p * s], axis=1)).T
        size = np.abs(r)
        pull, pull_d = np.max(size, axis=1), np.max(size * np.abs(b), axis=1)
        r2, r2b, r2bb = (np.multiply(r, r, out=r) @ np.stack([p, p * b, p * b**2], axis=1)).T
        return cls(r1, r1b, r1s, r2, r2b, r2bb, pull, pull_d)


class Point(NamedTuple):
    """The equations at points (m,): F1, the z that F2 = 0 gives, their derivatives, reciprocal distances to poles."""

    nu: Any
    g: Any
    first: Any
    z: Any
    first_nu: Any
    first_g: Any
    z_nu: Any
    z_g: Any
    pull_nu: Any  # largest |R|
    pull_g: Any  # largest change with g of the logarithm of a denominator

    @property
    def determinant(self) -> Any:
        """Of d(F1, F2)/d(g, nu): dF1/dg times dz/dnu along the curve F1 = 0."""
        return self.first_g * self.z_nu - self.z_g * self.first_nu

    @property
    def nu_z(self) -> Any:
        """d nu/dz along the curve."""
        return self.first_g / self.determinant

    @property
    def g_z(self) -> Any:
        """d g/dz along the curve."""
        return -self.first_nu / self.determinant

    @property
    def pull(self) -> Any:
        """Reciprocal distance in nu along the curve to the nearest pole."""
        return self.pull_nu + np.abs(self.first_nu / self.first_g) * self.pull_g
