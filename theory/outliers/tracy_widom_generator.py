"""Writes `tracy_widom_table.py`: Chebyshev coefficients of the Tracy-Widom laws, from determinants in 50 digits.

    B_s f(x) = int_0^oo Ai(x + y + s) f(y) dy,   F1(s) = det(1 - B_s),   F2(s) = det(1 - B_s) det(1 + B_s),
    H(s) = (det(1 - B_s) + det(1 + B_s)) / 2,    F4(s) = H(sqrt(2) s)

Source: Ferrari and Spohn 2005 (F1), Bornemann 2010 eq. 6.13 ff. (F4, quadrature of Fredholm determinants).
Right of s = 6 the logarithm of the tail, free of its leading asymptotics, is a smooth function of u = s^(-3/2) and
tabulated down to u = 0. Left of s = -10 the Hastings-McLeod solution q'' = s q + 2 q^3 is expanded in powers of |s|^-3.

Needs mpmath; a run takes about ten minutes: `python -m theory.outliers.tracy_widom_generator`.
"""

# pyright: reportAttributeAccessIssue=false
# mpmath makes its functions at import; they have no types

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

PANELS = ((-10.0, -6.0), (-6.0, -2.0), (-2.0, 2.0), (2.0, 6.0))  # log cdf on the first two, log sf on the others
PANEL_NODES = 40
TAIL_START = 6.0  # the tail table covers u = s^(-3/2) in (0, TAIL_START^(-3/2)]
TAIL_NODES = 30
LEFT_TERMS = 7
DIGITS = 50
TAIL_SHAPE = {1: (2 / 3, 0.75), 2: (4 / 3, 1.5), 4: (4 / 3, 3.0)}  # log sf + a s^(3/2) + p log s tends to a constant


def determinants(s: Any, nodes: int) -> tuple[Any, Any]:
    """Returns (det(1 - B_s), det(1 + B_s)) by Gauss-Legendre quadrature with that many nodes."""
    from mpmath import mp

    kernel = _kernel(s, nodes)
    result = []
    for sign in (-1, 1):
        rows = [[sign * kernel[i][j] + (i == j) for j in range(i + 1)] for i in range(nodes)]
        result.append(_determinant(rows, mp.one))
    return result[0], result[1]


def logarithms(s: Any, nodes: int) -> dict[int, tuple[Any, Any]]:
    """Returns {beta: (log cdf, log sf)} at a moderate s; beta = 4 stands for H."""
    from mpmath import mp

    minus, plus = determinants(s, nodes)
    values = {1: minus, 2: minus * plus, 4: (minus + plus) / 2}
    return {beta: (mp.log(f), mp.log(1 - f)) for beta, f in values.items()}


def tail_logarithms(s: Any, nodes: int) -> dict[int, Any]:
    """Returns {beta: log sf} for s >= 6 from traces: there 1 - det would lose every digit to cancellation."""
    from mpmath import mp

    b = _kernel(s, nodes)
    full = [[b[max(i, j)][min(i, j)] for j in range(nodes)] for i in range(nodes)]
    square = [[mp.fdot(full[i], full[j]) for j in range(i + 1)] for i in range(nodes)]
    p1 = mp.fsum(full[i][i] for i in range(nodes))
    p2 = mp.fsum(square[i][i] for i in range(nodes))
    p3 = _trace_of_product(square, b)
    p4 = _trace_of_product(square, square)
    e2 = (p1**2 - p2) / 2
    e4 = (p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4) / 24
    sf = {1: -mp.expm1(-(p1 + p2 / 2 + p3 / 3 + p4 / 4)), 2: -mp.expm1(-(p2 + p4 / 2)), 4: -(e2 + e4)}
    return {beta: mp.log(value) for beta, value in sf.items()}


def left_series(terms: int = LEFT_TERMS) -> tuple[list[float], list[float]]:
    """Returns the coefficients of v^(-3k), k = 1..terms, in log F2 and of v^(3/2-3k)/sqrt(2) in int_s^oo q; v = -s.

    q = sqrt(v/2) sum_k a_k v^(-3k), inserted in q'' = -v q + 2 q^3 and solved order by order in exact fractions.
    """
    a = [Fraction(1)]
    for k in range(1, terms + 1):
        power = Fraction(1, 2) - 3 * (k - 1)
        second = a[k - 1] * power * (power - 1)  # coefficient of v^(3/2-3k) in q''
        triples = ((i, j, k - i - j) for i in range(k) for j in range(k - i + 1))
        known = sum((a[i] * a[j] * a[m] for i, j, m in triples if max(j, m) < k), Fraction(0))  # without 3 a_k
        a.append((second - known) / 2)
    squares = [sum((a[i] * a[k - i] for i in range(k + 1)), Fraction(0)) / 2 for k in range(terms + 1)]
    # (log F2)'' = -q^2 = -sum squares_k v^(1-3k); two integrations, k = 1 gives the logarithm and k = 0 the cube
    log_f2 = [-squares[k + 1] / ((2 - 3 * (k + 1)) * (3 - 3 * (k + 1))) for k in range(1, terms)]
    integral = [a[k] / (Fraction(3, 2) - 3 * k) for k in range(1, terms)]
    return [float(x) for x in log_f2], [float(x) for x in integral]


def _kernel(s: Any, nodes: int) -> list[list[Any]]:
    """Returns the lower triangle of sqrt(w_i) Ai(x_i + x_j + s) sqrt(w_j) on [0, L], Ai(L + s) < 1e-50 Ai(s)."""
    from mpmath import mp

    exponent = mp.mpf(1.5) * DIGITS * mp.log(10)
    length = (max(s, 0) ** mp.mpf(1.5) + exponent) ** (mp.mpf(2) / 3) - s
    points, weights = _gauss_legendre(nodes)
    x = [length * (1 + p) / 2 for p in points]
    root = [mp.sqrt(length * w / 2) for w in weights]
    return [[root[i] * root[j] * mp.airyai(x[i] + x[j] + s) for j in range(i + 1)] for i in range(nodes)]


_RULES: dict[int, tuple[list[Any], list[Any]]] = {}


def _gauss_legendre(nodes: int) -> tuple[list[Any], list[Any]]:
    from mpmath import mp

    if nodes not in _RULES:
        points, weights = [], []
        for k in range(nodes):
            x = mp.cos(mp.pi * (k + mp.mpf(0.75)) / (nodes + mp.mpf(0.5)))
            slope = mp.one
            for _ in range(8):  # Newton doubles the digits from about 4
                below, value = mp.one, x
                for n in range(2, nodes + 1):
                    below, value = value, ((2 * n - 1) * x * value - (n - 1) * below) / n
                slope = nodes * (x * value - below) / (x * x - 1)
                x -= value / slope
            points.append(x)
            weights.append(2 / ((1 - x * x) * slope**2))
        _RULES[nodes] = points, weights
    return _RULES[nodes]


def _determinant(rows: list[list[Any]], one: Any) -> Any:
    """Returns the determinant of a positive symmetric matrix given by its lower triangle (L D L^T)."""
    from mpmath import mp

    result, diagonal = one, []
    for i, row in enumerate(rows):
        for j in range(i):
            row[j] -= mp.fdot(row[:j], [rows[j][k] * diagonal[k] for k in range(j)]) if j else 0
            row[j] /= diagonal[j]
        pivot = row[i] - mp.fdot([x * x for x in row[:i]], diagonal)
        diagonal.append(pivot)
        result *= pivot
    return result


def _trace_of_product(a: list[list[Any]], b: list[list[Any]]) -> Any:
    from mpmath import mp

    return mp.fsum(2 * mp.fdot(p[:-1], q[:-1]) + p[-1] * q[-1] for p, q in zip(a, b, strict=True))


def _chebyshev(values: list[Any]) -> list[float]:
    """Returns Chebyshev coefficients from values at cos(pi (k + 1/2)/n), k = 0..n-1."""
    from mpmath import mp

    n = len(values)
    angles = [mp.pi * (k + mp.mpf(0.5)) / n for k in range(n)]
    c = [2 * mp.fsum(v * mp.cos(j * t) for v, t in zip(values, angles, strict=True)) / n for j in range(n)]
    return [float(c[0] / 2), *(float(x) for x in c[1:])]


def _nodes(low: float, high: float, count: int) -> list[Any]:
    from mpmath import mp

    return [(low + high) / mp.mpf(2) + (high - low) / mp.mpf(2) * mp.cos(mp.pi * (k + mp.mpf(0.5)) / count)
            for k in range(count)]


def _panel(index: int) -> dict[int, list[float]]:
    low, high = PANELS[index]
    side = 0 if high <= -2 else 1
    quadrature = (90, 84, 76, 64)[index]
    values = [logarithms(s, quadrature) for s in _nodes(low, high, PANEL_NODES)]
    return {beta: _chebyshev([v[beta][side] for v in values]) for beta in (1, 2, 4)}


def _tail(_: int) -> dict[int, list[float]]:
    from mpmath import mp

    u = _nodes(0.0, TAIL_START**-1.5, TAIL_NODES)
    s = [x ** (-mp.mpf(2) / 3) for x in u]
    values = [tail_logarithms(x, 56) for x in s]
    exact = {1: mp.mpf(2) / 3, 2: mp.mpf(4) / 3, 4: mp.mpf(4) / 3}
    return {
        beta: _chebyshev([v[beta] + exact[beta] / x + TAIL_SHAPE[beta][1] * mp.log(y)
                          for v, x, y in zip(values, u, s, strict=True)])
        for beta in (1, 2, 4)
    }


def _task(index: int) -> dict[int, list[float]]:
    from mpmath import mp

    mp.dps = DIGITS
    job: Callable[[int], dict[int, list[float]]] = _tail if index == len(PANELS) else _panel
    return job(index)


def _literal(numbers: list[float]) -> str:
    # Beyond the last coefficient above 1e-18 of the largest there is only rounding.
    keep = max(i for i, x in enumerate(numbers) if abs(x) > 1e-18 * max(1.0, max(map(abs, numbers)))) + 1
    words = [repr(x) for x in numbers[:keep]]
    lines = [", ".join(words[i : i + 4]) for i in range(0, keep, 4)]
    return "(\n            " + ",\n            ".join(lines) + ",\n        )"


def write(path: Path) -> None:
    """Computes all tables in two processes and writes the module."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as pool:
        *panels, tail = pool.map(_task, range(len(PANELS) + 1))
    log_f2, integral = left_series()
    text = ['"""Coefficients of the Tracy-Widom laws, written by `tracy_widom_generator.py`; not edited by hand."""\n']
    text.append(f"PANELS = {PANELS!r}  # log cdf left of -2, log sf right of it\n")
    text.append("COEFFICIENTS = {\n")
    for beta in (1, 2, 4):
        body = ",\n        ".join(_literal(panel[beta]) for panel in panels)
        text.append(f"    {beta}: (\n        {body},\n    ),\n")
    text.append("}\n\n")
    text.append(f"TAIL_START = {TAIL_START!r}\n")
    text.append(f"TAIL_POWER = { {b: p for b, (_, p) in TAIL_SHAPE.items()} !r}\n")
    text.append("TAIL = {  # log sf + a s^(3/2) + power log s as a function of u = s^(-3/2); a = 2/3, 4/3, 4/3\n")
    text += [f"    {beta}: {_literal(tail[beta]).replace('        ', '    ')},\n" for beta in (1, 2, 4)]
    text.append("}\n\n")
    text.append(f"LEFT_LOG_F2 = {_literal(log_f2).replace('        ', '')}\n")
    text.append(f"LEFT_INTEGRAL = {_literal(integral).replace('        ', '')}\n")
    zeta = -0.1654211437004509292  # zeta'(-1)
    text.append(f"LEFT_CONSTANT = {math.log(2) / 24 + zeta!r}  # log(2)/24 + zeta'(-1)\n")
    path.write_text("".join(text))


if __name__ == "__main__":
    write(Path(__file__).with_name("tracy_widom_table.py"))
