"""When stochastic gradient descent on least squares converges, and how fast (conventions of `homogenised_sgd`)."""

from typing import NamedTuple

import numpy as np
import scipy.optimize

from theory import checks
from theory.law import Law
from theory.population import Nodes, Population, nodes
from theory.risk.homogenised_sgd import law_of_rows


class SGDStability(NamedTuple):
    """Rates of single-sample SGD; its critical_rate ends convergence of the mean loss (not `theory.critical_rate`).

    That is the edge of stability of full batches. `kesten_critical_rate` ends almost sure convergence, which the mean
    loss, ruled by rare large steps, loses earlier; `OneStep.critical_rate` is that at which an outlier detaches.
    """

    critical_rate: float  # above it the mean loss diverges
    onset: float  # below it gradient flow's slowest mode sets the rate, above it the noise of sampling does


def sgd_stability(ratio: float, *, population: Population = None) -> SGDStability:
    """Critical learning rate 2/(r int x dmu) and onset 2/(r int x^2/(x - low) dmu), low the least edge above 0.

    Rows of norm 1 make the first 2; independent entries make the second 2 sqrt(r)/(r - sqrt(r) + 1). Eigenvalues given
    one by one have onset 0. The onset is right to 1e-10 for laws with square-root edges.
    Source: Paquette et al. 2021; the closed form of the onset is derived for this package. Raises ValueError for a
    ratio that is not positive.

    >>> [round(x, 6) for x in sgd_stability(0.25)]
    [2.0, 1.333333]
    """
    r = checks.positive("ratio", ratio, "pass columns / rows of A")
    law = law_of_rows(r, population)
    h = nodes(law)
    critical = 2 / (r * float(h.mean(h.values)))
    if not isinstance(law, Law) or any(x == h.low for x, _ in law.atoms):
        return SGDStability(critical, 0.0)

    # panels of the law itself, not those halved towards the edge: there x - low is rounding
    feed = law.expectation(lambda x: np.where(x > h.low, x**2 / np.where(x > h.low, x - h.low, 1.0), 0.0))
    return SGDStability(critical, 2 / (r * feed))


def sgd_decay_rate(learning_rate: float, ratio: float, *, population: Population = None) -> float:
    """Rate L of psi(t) - psi(oo) ~ e^{-L t}, t in epochs; negative above the critical rate: psi grows like e^{-L t}.

    The Malthusian root of gamma^2 r int x^2/(2 gamma x - L) dmu = 1 below 2 gamma low; where there is none (rates below
    the onset), 2 gamma low, and a factor t^{-3/2} beside the exponential. Raises ValueError as `sgd_stability`.
    Source: Paquette et al. 2021, the Malthusian exponent of their Volterra equation; checked by the slope of
    `homogenised_sgd`.

    >>> round(sgd_decay_rate(1.9, 0.5), 6), round(sgd_decay_rate(2.2, 0.5), 6)
    (0.357284, -0.949137)
    """
    rate = checks.positive("learning_rate", learning_rate, "pass the step size for rows of norm 1")
    r = checks.positive("ratio", ratio, "pass columns / rows of A")
    onset = sgd_stability(r, population=population).onset
    h = nodes(law_of_rows(r, population))
    return _malthusian(rate, r, h) if rate > onset else 2 * rate * h.low


def _malthusian(rate: float, r: float, h: Nodes) -> float:
    """Root in the distance below 2 gamma low, scaled by gamma: close to the edge its digits are kept."""
    distance = np.maximum(h.values - h.low, 0.0)
    kicks = rate * r * h.weights * h.values**2
    kicks, distance = kicks[h.values > 0], distance[h.values > 0]

    def excess(gap: float) -> float:
        return float(np.sum(kicks / (2 * distance + gap))) - 1

    high = float(np.sum(kicks))
    low = 1e-14 * high
    if excess(low) <= 0:
        return 2 * rate * h.low
    gap = scipy.optimize.root_scalar(excess, bracket=(low, high), xtol=1e-300, rtol=1e-14).root
    return rate * (2 * h.low - gap)
