"""What a spectrum is: float64 values, their kind, the matrix shape and the normalisation. Data only, no statistics."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from spectrax.lapack import symmetric_eigen

Kind = Literal["eigenvalues", "singular_values"]


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """Eigenvalues of W^T W / scale (or singular values of W / sqrt(scale)) of a (rows, cols) matrix W, ascending.

    values: float64 (min(rows, cols),), without the max(0, cols - rows) exact zeros that W^T W has beyond them
    (`zeros`). scale: the divisor of W^T W; `Spectrum.of` divides by rows, so that an entry variance of 1 puts the mean
    of all cols eigenvalues at 1 and `theory.MarchenkoPastur.of(shape, entry_std)` is the law to compare with.

    >>> Spectrum.of(np.eye(3)).values.round(3).tolist()
    [0.333, 0.333, 0.333]
    """

    values: np.ndarray
    shape: tuple[int, int]
    kind: Kind = "eigenvalues"
    scale: float = 1.0

    def __post_init__(self):
        _real("values", self.values)
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1 or values.size == 0:
            raise ValueError(f"values must be a one-dimensional, non-empty array; got shape {values.shape}.")
        if self.kind not in ("eigenvalues", "singular_values"):
            raise ValueError(f"kind must be 'eigenvalues' or 'singular_values'; got {self.kind!r}.")
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale must be a positive finite divisor of W^T W; got {self.scale}.")
        object.__setattr__(self, "values", np.sort(values))

    def __repr__(self) -> str:
        return f"Spectrum({self.values.size} {self.kind}, shape={self.shape}, scale={self.scale:g})"

    @classmethod
    def of(cls, matrix: Any, layout: str = "out_in", scale: float | None = None) -> "Spectrum":
        """Spectrum of a weight matrix: jax, NumPy or torch, any dtype, from one float64 Gram matrix.

        layout: "out_in" for (rows = outputs, cols = inputs), "in_out" for flax kernels. scale: the divisor of W^T W,
        rows where None. Raises ValueError for another layout, a matrix that isn't two-dimensional, a non-finite entry.
        """
        weights = as_out_in(matrix, layout)
        rows = weights.shape[0]
        divisor = float(rows if scale is None else scale)
        return cls(decompose(weights, leading=0).eigenvalues / divisor, (rows, weights.shape[1]), scale=divisor)

    @property
    def rows(self) -> int:
        """Number of rows (outputs) of W."""
        return self.shape[0]

    @property
    def cols(self) -> int:
        """Number of columns (inputs) of W: the number of eigenvalues of W^T W."""
        return self.shape[1]

    @property
    def zeros(self) -> int:
        """Exact zero eigenvalues of W^T W that `values` leaves out: max(0, cols - rows)."""
        return max(0, self.cols - self.values.size) if self.values.size == min(self.shape) else 0

    def squared(self) -> "Spectrum":
        """The same spectrum as eigenvalues of W^T W / scale."""
        return self if self.kind == "eigenvalues" else replace(self, values=self.values**2, kind="eigenvalues")

    def singular_values(self) -> "Spectrum":
        """The same spectrum as singular values of W / sqrt(scale)."""
        if self.kind == "singular_values":
            return self
        return replace(self, values=np.sqrt(np.maximum(self.values, 0.0)), kind="singular_values")

    def rescaled(self, scale: float) -> "Spectrum":
        """The same spectrum with W^T W divided by `scale` instead; scale = 1 gives W^T W itself."""
        factor = self.scale / scale
        values = self.values * (factor if self.kind == "eigenvalues" else factor**0.5)
        return replace(self, values=values, scale=float(scale))

    @cached_property
    def stable_rank(self) -> float:
        """|W|_F^2 / |W|_op^2, between 1 and min(rows, cols); NaN for the zero matrix."""
        squares = self.squared().values
        return float(squares.sum() / squares[-1]) if squares[-1] > 0 else float("nan")

    @cached_property
    def effective_rank(self) -> float:
        """exp of the entropy of s_i / sum(s) over singular values s_i (Roy and Vetterli 2007, eq. 4)."""
        s = self.singular_values().values
        if not s[-1] > 0:
            return float("nan")
        p = s[s > 0] / s.sum()
        return float(np.exp(-(p * np.log(p)).sum()))


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Eigenvalues of W^T W (min(rows, cols),) ascending, and leading singular vectors, largest first.

    left (rows, k), right (cols, k): float64, unit columns; the sign is free. Unnormalised (no division by rows).
    """

    eigenvalues: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of W, descending, for the k leading vectors (k,)."""
        return np.sqrt(np.maximum(self.eigenvalues[::-1][: self.right.shape[1]], 0.0))


def decompose(matrix: np.ndarray, leading: int = 5) -> Decomposition:
    """Full spectrum and `leading` singular vectors of a (rows, cols) matrix, from the smaller float64 Gram matrix.

    float64 before the Gram matrix: squaring halves the digits, and a float32 Gram matrix is wrong by 7e-2 in the
    smallest singular value at 1500 x 1000, this one by 8e-10. Raises LinAlgError for a non-finite entry.
    """
    w = np.asarray(matrix, dtype=np.float64)
    tall = w.shape[0] >= w.shape[1]
    values, near = symmetric_eigen(w.T @ w if tall else w @ w.T, leading)
    far = (w if tall else w.T) @ near
    norms = np.sqrt(np.einsum("ij,ij->j", far, far))
    far = far / np.where(norms > 0, norms, 1.0)
    left, right = (far, near) if tall else (near, far)
    return Decomposition(np.maximum(values, 0.0), left, right)


def _real(name: str, values: Any) -> None:
    if np.iscomplexobj(values):
        raise ValueError(f"{name} must be real; got complex numbers. The laws here are those of real matrices.")


def as_out_in(matrix: Any, layout: str = "out_in") -> np.ndarray:
    """The matrix as a NumPy array of shape (outputs, inputs); ValueError for another layout or number of dimensions."""
    if layout not in ("out_in", "in_out"):
        raise ValueError(f"layout must be 'out_in' or 'in_out' (flax kernels); got {layout!r}.")
    array = matrix.detach().cpu().numpy() if hasattr(matrix, "detach") else np.asarray(matrix)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"matrix must be two-dimensional and not empty; got shape {array.shape}. Take a matrix view.")
    _real("matrix", array)
    if not np.isfinite(np.asarray(array, dtype=np.float64)).all():
        raise ValueError("matrix must be finite; it holds NaN or infinity. Look at the step before the run diverged.")
    return array if layout == "out_in" else array.T
