"""The suite every law must pass: `check(law)` tests a user's own law as it tests the package's.

Each expectation is computed by quadrature of `pdf` (`theory.charts`), independently of the closed forms of the law. An
edge, an atom, a prefactor wrong by 1e-6 makes it fail. A law with a power tail states its `tail_index`: from that
order on moments must not exist.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.charts import below as _below
from theory.charts import central as _central
from theory.charts import expectation as _expectation
from theory.law import Law

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-9  # quadrature is right to 1e-12; below 1e-6, the smallest fault to be found
KINDS = ("eigenvalues", "singular_values", "scalar")


def check(law: Law) -> None:
    """Raises AssertionError with one sentence at the first broken promise of the `Law` contract; takes .1 to 1 s.

    >>> from theory import MarchenkoPastur
    >>> check(MarchenkoPastur(0.3))
    """
    with np.errstate(all="ignore"):
        for part in (_form, _edges, _shapes, _outside, _mass, _distribution, _quantiles, _moments, _free_cumulants,
                     _stieltjes, _scales, _images, _draws, _matrix):
            part(law)


def _form(law: Law) -> None:
    ends = [x for band in law.bands for x in band]
    _hold(law, ends == sorted(ends) and all(low < high for low, high in law.bands), "bands must be ordered, not empty")
    positions = [x for x, _ in law.atoms]
    _hold(law, positions == sorted(set(positions)), "atoms must be ordered and distinct")
    _hold(law, all(0 < mass <= 1 for _, mass in law.atoms), "atoms must have masses in (0, 1]")
    _hold(law, law.kind in KINDS, f"kind must be one of {KINDS}")
    _hold(law, hash(law) == hash(law) and law == law, "a law must be hashable and equal to itself")
    _hold(law, len(type(law).examples()) > 0, "examples() must return instances")
    _hold(law, isinstance(law.pdf(0.5), float), "pdf of a scalar must be a float")


def _edges(law: Law) -> None:
    for low, high in law.bands:
        if math.isinf(high - low):
            continue
        for edge, inward in ((low, 1), (high, -1)):
            _hold(law, not math.isnan(law.pdf(edge)), f"pdf must not be NaN at the edge {edge}")
            step = max(1e-9 * (high - low), 16 * np.spacing(abs(edge)))
            # a density may vanish like the square of the distance, but not stay at rounding error up to a further edge
            near, far = (float(law.pdf(edge + inward * max(x * (high - low), x / 1e-8 * step))) for x in (1e-8, 1e-5))
            _hold(law, near > 1e-8 * far, f"pdf must be positive just inside the edge {edge}")
            beyond = edge - inward * step
            if not any(a <= beyond <= b for a, b in law.bands):
                _hold(law, law.pdf(beyond) == 0, f"pdf must be 0 just outside the edge {edge}")
    room = 16 * np.spacing(max((abs(x) for x in _ends(law) if math.isfinite(x)), default=0.0))  # edges are rounded
    below, above = min(_ends(law)) - room, max(_ends(law)) + room
    _hold(law, math.isinf(below) or (law.cdf(below) == 0 and law.sf(below) == 1), "cdf must be 0 below the support")
    _hold(law, math.isinf(above) or (law.cdf(above) == 1 and law.sf(above) == 0), "sf must be 0 above the support")


def _shapes(law: Law) -> None:
    middle = float(law.quantile(0.5))
    for name in ("pdf", "cdf", "sf", "logsf", "quantile"):
        f = getattr(law, name)
        argument = 0.5 if name == "quantile" else middle
        _hold(law, isinstance(f(argument), float), f"{name} of a scalar must be a float")
        for shape in ((0,), (3,), (2, 3), (1, 1, 2)):
            _hold(law, np.shape(f(np.full(shape, argument))) == shape, f"{name} must keep the shape {shape}")
        _hold(law, math.isnan(f(math.nan)), f"{name} of NaN must be NaN")
        mixed = f(np.array([math.nan, argument]))
        _hold(law, np.isnan(mixed[0]), f"{name} must keep NaN to its entry")
        same = mixed[1] == f(argument) or abs(mixed[1] - f(argument)) <= 1e-12 * abs(f(argument))  # may be -inf
        _hold(law, same, f"{name} must treat each entry on its own")


def _outside(law: Law) -> None:
    for x in (-math.inf, math.inf, -1e300, 1e300):
        _hold(law, law.pdf(x) == 0, f"pdf must be 0 at {x}")
    _hold(law, law.cdf(-math.inf) == 0 and law.sf(math.inf) == 0, "cdf must start and sf must end at 0")
    _hold(law, law.cdf(math.inf) == 1 and law.sf(-math.inf) == 1, "cdf must end and sf must start at 1")
    _hold(law, law.logsf(math.inf) == -math.inf and law.logsf(-math.inf) == 0, "logsf must run from 0 to -inf")


def _mass(law: Law) -> None:
    _close(law, _expectation(law, np.ones_like), 1.0, TOLERANCE, "density and atoms must have total mass 1")


def _distribution(law: Law) -> None:
    points = _points(law)
    cdf, sf = law.cdf(points), law.sf(points)
    _close(law, cdf + sf, 1.0, 1e-12, "cdf and sf must add to 1")
    _hold(law, np.all(np.diff(cdf) >= -1e-15) and np.all(np.diff(sf) <= 1e-15), "cdf must rise and sf must fall")
    _close(law, np.exp(law.logsf(points)), sf, 1e-12, "logsf must be the logarithm of sf")
    density = [_below(law, x) for x in points]
    _close(law, cdf, np.array(density), TOLERANCE, "cdf must be the integral of pdf with the atoms")
    for x, mass in law.atoms:
        jump = law.cdf(x) - law.cdf(np.nextafter(x, -math.inf))
        _close(law, jump, mass, 1e-6, f"cdf must jump by the atom's mass at {x}")


def _quantiles(law: Law) -> None:
    for p in (-1e-9, 1 + 1e-9):
        _hold(law, _raises(lambda p=p: law.quantile(p)), "quantile must raise ValueError outside [0, 1]")
    p = np.concatenate([[1e-6], np.linspace(0.001, 0.999, 97), [1 - 1e-6]])
    x = law.quantile(p)
    _hold(law, np.all(np.diff(x) >= 0), "quantile must rise")
    atom = np.isin(x, [a for a, _ in law.atoms])
    _close(law, law.cdf(x[~atom]), p[~atom], TOLERANCE, "cdf of a quantile must give the probability back")
    _hold(law, np.all(law.cdf(x) >= p - TOLERANCE), "quantile must reach the probability")
    for a, mass in law.atoms:
        inside = law.cdf(a) - mass * np.array([0.01, 0.5, 0.99])
        _hold(law, np.all(law.quantile(inside) == a), f"quantile must stay at the atom {a} through its mass")
    same = law.quantile(0.0) == min(_ends(law)) and law.quantile(1.0) == max(_ends(law))
    _hold(law, same, "quantile must take the ends of the support at 0 and 1")


def _moments(law: Law) -> None:
    existing = [k for k in range(6) if k < law.tail_index]
    for k in existing:
        size = _expectation(law, lambda x, k=k: np.abs(x) ** k)
        value = _expectation(law, lambda x, k=k: x**k)
        _close(law, law.moment(k) / size, value / size, TOLERANCE, f"moment({k}) must be the integral of x^{k} pdf")
    for k in set(range(6)) - set(existing):
        _hold(law, not math.isfinite(law.moment(k)), f"moment({k}) must not be finite from the tail index on")
    if 1 in existing:
        mean, scale = _expectation(law, lambda x: x), _expectation(law, np.abs)
        _close(law, law.mean / scale, mean / scale, TOLERANCE, "mean must be the first moment")
    if 2 in existing:
        mean = _expectation(law, lambda x: x)
        spread = math.sqrt(_expectation(law, lambda x: (x - mean) ** 2))
        _close(law, law.std / spread, 1.0, TOLERANCE, "std must be the root of the centred second moment")
    else:
        _hold(law, not math.isfinite(law.std), "std must not be finite for a tail index up to 2")
    for k in (-1, 0.5):
        _hold(law, _raises(lambda k=k: law.moment(k)), "moment must raise ValueError for orders not 0, 1, 2, ...")  # type: ignore[arg-type]


def _free_cumulants(law: Law) -> None:
    _hold(law, _raises(lambda: law.free_cumulant(0)), "free_cumulant must raise ValueError for order 0")
    if law.tail_index <= 6:
        return
    mean = law.mean  # checked by _moments; the quadrature's own is off by 1e-12 of |x|, too much for a narrow band
    std = math.sqrt(_expectation(law, lambda x: (x - mean) ** 2))
    m = [_expectation(law, lambda x, k=k: ((x - mean) / std) ** k) for k in range(7)]
    # of a centred variable, written out: Speicher's recursion in the base class is thereby checked too
    expected = {2: m[2], 3: m[3], 4: m[4] - 2 * m[2] ** 2, 5: m[5] - 5 * m[2] * m[3],
                6: m[6] - 6 * m[2] * m[4] - 3 * m[3] ** 2 + 7 * m[2] ** 3}
    _close(law, law.free_cumulant(1) / math.hypot(mean, std), mean / math.hypot(mean, std), TOLERANCE,
           "free_cumulant(1) must be the mean")
    for k, value in expected.items():
        size = max(1.0, _expectation(law, lambda x, k=k: np.abs((x - mean) / std) ** k))
        _close(law, law.free_cumulant(k) / std**k / size, value / size, TOLERANCE,
               f"free_cumulant({k}) must follow from the moments")


def _scales(law: Law) -> None:
    p = np.linspace(0.04, 0.96, 24)
    x = law.quantile(p)
    inside = x[~np.isin(x, [a for a, _ in law.atoms])]
    low, high = _span(law)
    z = np.array([low + (high - low) * v for v in (0.3 + 0.1j, 1.2 - 0.7j)])
    for s in (1e-8, 1e8):
        other = law.scaled(s)
        _close(law, np.array(_span(other)) / s, np.array(_span(law)), 1e-12 * max(abs(low), abs(high)),
               f"the support must scale by {s:g}")
        _close(law, np.array([m for _, m in other.atoms]), np.array([m for _, m in law.atoms]), 1e-12,
               f"atoms must keep their masses when scaled by {s:g}")
        _close(law, other.pdf(inside * s) * s / law.pdf(inside), 1.0, TOLERANCE, f"pdf must scale by 1/{s:g}")
        _close(law, other.cdf(inside * s), law.cdf(inside), TOLERANCE, f"cdf must not change when scaled by {s:g}")
        _close(law, other.quantile(p) / s, x, TOLERANCE * (high - low), f"quantile must scale by {s:g}")
        _close(law, other.stieltjes(z * s) * s / law.stieltjes(z), 1.0, TOLERANCE, f"stieltjes must scale by 1/{s:g}")


def _images(law: Law) -> None:
    """The laws of -2 X and X + c against that of X, whose own functions have passed by then."""
    low, high = _span(law)
    width = (high - low) or 1.0
    p = np.array([0.03, 0.2, 0.41, 0.63, 0.97])
    x = np.array([v for v in law.quantile(p) if v not in dict(law.atoms)])
    z = np.array([low + width * v for v in (0.3 + 0.1j, 1.2 - 0.7j)])
    c = 0.7 * width
    for other, a, b, name in (law.scaled(-2.0), -2.0, 0.0, "-2 X"), (law.shifted(c), 1.0, c, "X + c"):
        y = a * x + b
        _close(law, other.cdf(y), law.cdf(x) if a > 0 else law.sf(x), TOLERANCE, f"cdf must be that of {name}")
        _close(law, other.pdf(y) * abs(a) / law.pdf(x), 1.0, 1e-6, f"pdf must be that of {name}")  # y is rounded
        _hold(law, np.all(other.cdf(other.quantile(p)) >= p - TOLERANCE), f"quantile of {name} must reach its argument")
        _close(law, other.stieltjes(a * z + b) * a / law.stieltjes(z), 1.0, TOLERANCE, f"stieltjes must be of {name}")
        if law.tail_index > 2:
            scale = abs(law.mean) + width
            _close(law, (other.mean - b) / a / scale, law.mean / scale, TOLERANCE, f"mean must be that of {name}")
            _close(law, other.std / abs(a) / law.std, 1.0, 1e-6, f"std must be that of {name}")
        else:
            _hold(law, not math.isfinite(other.moment(2)), f"moment(2) of {name} must not be finite")


def _matrix(law: Law) -> None:
    if law.kind == "scalar":
        return
    matrix = law.sample_matrix(400, np.random.default_rng(1))
    if law.kind == "eigenvalues":
        symmetric = matrix.shape == (400, 400) and np.allclose(matrix, matrix.T, rtol=0, atol=1e-12 * abs(matrix).max())
        _hold(law, symmetric, "sample_matrix(n, rng) must be a symmetric n x n matrix")
        values = np.linalg.eigvalsh(matrix)
    else:
        _hold(law, matrix.shape[1] == 400, "sample_matrix(n, rng) must have n columns")
        values = np.concatenate([np.zeros(max(0, 400 - matrix.shape[0])), np.linalg.svd(matrix, compute_uv=False)])
    for x, _ in law.atoms:  # rounding must not take a value off its atom
        values = np.where(np.abs(values - x) < 1e-9 * np.max(np.abs(values)), x, values)
    gap, allowed = _gap(law, np.asarray(values, np.float64)), law.matrix_gap(400)
    _hold(law, gap <= allowed, f"a sampled matrix must follow the law; its cdf is {gap:.3g} off, allowed {allowed:.3g}")


def _stieltjes(law: Law) -> None:
    low, high = _span(law)
    width = high - low
    z = np.array([low + x * width + y * 1j * width for x in (-0.3, 0.2, 0.5, 0.9, 2) for y in (0.05, -0.4, 3)])
    m, direct = law.stieltjes(z), np.array([_expectation(law, lambda x, v=v: 1 / (x - v)) for v in z])
    _close(law, m / direct, 1.0, TOLERANCE, "stieltjes must be the integral of 1/(x - z) with the atoms")
    _close(law, law.stieltjes(z.conj()) / m.conj(), 1.0, 1e-12, "stieltjes must be conjugate in the other half plane")
    _hold(law, isinstance(law.stieltjes(1j * width), complex), "stieltjes of a complex scalar must be complex")
    _hold(law, law.stieltjes(z.reshape(5, 3)).shape == (5, 3), "stieltjes must keep the shape (5, 3)")
    _hold(law, np.isnan(law.stieltjes(complex(math.nan, 1.0))), "stieltjes of NaN must be NaN")
    far = np.array([complex(math.inf, 1), complex(1, -math.inf), complex(-math.inf, math.inf)])
    _hold(law, np.all(law.stieltjes(far) == 0) and law.stieltjes(math.inf) == 0, "stieltjes must be 0 at infinity")
    _hold(law, math.isnan(law.stieltjes(law.quantile(0.5))), "stieltjes must be NaN on the support")
    # not in the middle of a gap, where m may be 0 by symmetry
    gaps = [b + 0.3 * (c - b) for (_, b), (c, _) in zip(law.bands, law.bands[1:], strict=False)]
    intervals = (*law.bands, *((a, a) for a, _ in law.atoms))
    real = np.array([x for x in (low - width, low - 0.01 * width, *gaps, high + 0.01 * width, high + width)
                     if not any(a <= x <= b for a, b in intervals)])
    if len(real):
        value = law.stieltjes(real)
        _hold(law, value.dtype == np.float64, "stieltjes of real z must be real")
        direct = np.array([_expectation(law, lambda x, v=v: 1 / (x - v)) for v in real])
        _close(law, value / direct, 1.0, TOLERANCE, "stieltjes must hold on the real axis off the support")
    inner = np.array([(a + (b - a) * s, b - a) for a, b in _central(law) for s in (0.3, 0.6)]).reshape(-1, 2)
    inner = inner[[not any(abs(x - a) < 1e-3 * width for a, _ in law.atoms) for x, _ in inner]]
    density, limit = law.pdf(inner[:, 0]), law.stieltjes(inner[:, 0] + 1e-7j * inner[:, 1]).imag / np.pi
    _close(law, (limit - density) * inner[:, 1], 0.0, 1e-4, "the imaginary part of stieltjes must tend to pi pdf")


def _draws(law: Law) -> None:
    draws = law.sample(4000, np.random.default_rng(0))
    _hold(law, draws.shape == (4000,), "sample(n, rng) must have shape (n,)")
    gap = _gap(law, draws)  # Kolmogorov: 2.2/sqrt(n) has probability 1e-4, and the draws are the same each time
    _hold(law, gap < 2.2 / math.sqrt(4000), f"draws must follow the law; the empirical cdf is {gap:.3g} off")


def _ends(law: Law) -> list[float]:
    return [x for pair in (*law.bands, *((x, x) for x, _ in law.atoms)) for x in pair]


def _span(law: Law) -> tuple[float, float]:
    """Finite ends of what carries the mass: window (the central part for heavy tails) and atoms."""
    ends = [x for pair in (*_central(law), *((x, x) for x, _ in law.atoms)) for x in pair]
    return min(ends), max(ends)


def _gap(law: Law, values: FloatArray) -> float:
    """Sup distance between the law and the empirical distribution of `values` (n,)."""
    ordered, n = np.sort(values), len(values)
    rank = np.arange(1, n + 1) / n
    return max(np.max(rank - law.cdf(ordered)), np.max(law.cdf(np.nextafter(ordered, -math.inf)) - rank + 1 / n))


def _points(law: Law) -> FloatArray:
    fractions = (1 - np.cos(np.linspace(0, np.pi, 24))) / 2
    points = [np.array([x for x, _ in law.atoms])]
    for low, high in _central(law):
        width = high - low
        points.append(low + width * np.concatenate([[-1.0, -1e-3], fractions, [1 + 1e-3, 2.0]]))
    if law.tail_index < math.inf:
        points.append(law.quantile(np.array([1e-12, 1e-6, 1 - 1e-6, 1 - 1e-12])))
    return np.unique(np.concatenate(points))


def _raises(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ValueError:
        return True
    return False


def _hold(law: Law, condition: Any, sentence: str) -> None:
    if not condition:
        raise AssertionError(f"{law!r}: {sentence}")


def _close(law: Law, value: Any, expected: Any, tolerance: float, sentence: str) -> None:
    error = np.max(np.abs(np.asarray(value) - expected), initial=0.0)
    if not error <= tolerance:
        raise AssertionError(f"{law!r}: {sentence}; off by {error:.3g}, allowed {tolerance:.0e}")
