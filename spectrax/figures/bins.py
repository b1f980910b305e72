"""Where the bins of a spectrum lie, on which axis, and at which points its law is drawn."""

from collections.abc import Iterator, Sequence

import numpy as np

Bands = Sequence[tuple[float, float]]
LOWEST = 1e-4  # a log axis starts at most this far below the top of the bulk


def bulk_top(values: np.ndarray, bands: Bands) -> float:
    """Upper edge of the bulk: the law's, or median + 4 (upper quartile - median), which spikes don't move."""
    finite = [hi for _, hi in bands if np.isfinite(hi)]
    if finite and max(finite) > 0:
        return float(max(finite))
    median, upper = np.quantile(values, [0.5, 0.75])
    return float(median + 4 * (upper - median))


def choose_scale(values: np.ndarray, bands: Bands, marked: np.ndarray) -> str:
    """Scale of a panel: "linear" where all lies within 4 times the bulk's edge, "loglog" for a tail, else "log".

    Values of both signs are always linear. A tail: more than 5 values and 0.5 % of all lie beyond 1.5 times the edge.
    values (n,) sorted, marked: outliers (k,), finite.
    """
    if values.size == 0 or values[0] < 0:
        return "linear"
    top = bulk_top(values, bands)
    if top <= 0 or max(values[-1], marked.max(initial=0.0)) <= 4 * top:
        return "linear"
    beyond = np.sum(values > 1.5 * top)
    return "loglog" if beyond > max(5, 0.005 * values.size) else "log"


def bin_edges(values: np.ndarray, bands: Bands, bins: int | None, log: bool) -> np.ndarray:
    """Bin edges (m,), increasing: equal widths (of log10 if `log`), ending at the edges of each band, going on outside.

    bins: over all bands; 1.3 sqrt(n) between 8 and 80 where None, more than for independent draws, since eigenvalues
    repel and a bin's count hardly fluctuates. Values above 0 only on a log axis.
    """
    if bins is not None and bins < 1:
        raise ValueError(f"bins must be at least 1; got {bins}.")
    number = bins or int(np.clip(1.3 * np.sqrt(values.size), 8, 80))
    usable = values[values > 0] if log else values
    if usable.size == 0:
        return np.array([0.5, 1.5]) if log else np.array([-0.5, 0.5])
    low, high = float(usable[0]), float(usable[-1])
    floor = LOWEST * bulk_top(values, bands) if log else 0.0
    if log:
        low = max(low, floor)
        low, high = np.log10(low), np.log10(max(high, low * 1.01))
    inside = _finite_bands(bands, low, high, log, floor)
    if not inside:
        centre = np.quantile(np.log10(usable) if log else usable, [0.02, 0.98])
        span = max(float(centre[1] - centre[0]), 1e-9 * max(abs(low), abs(high), 1e-300))
        count = int(np.clip(np.ceil((high - low) / span * number), 1, 20 * number))
        half = 0.05 * abs(low) or 0.5  # all values equal: one bin around them
        edges = np.linspace(low, high, count + 1) if high > low else np.array([low - half, low + half])
    else:
        edges = _edges_around(inside, low, high, number, floor=0.0 if low >= 0 and not log else None)
    if log:
        edges = 10.0**edges
        edges[0] = min(edges[0], max(usable[0], floor))  # log10 and its inverse may round past the outermost values
        edges[-1] = max(edges[-1], usable[-1])
    return edges


def law_grid(bands: Bands, edges: np.ndarray, log: bool) -> Iterator[np.ndarray]:
    """Points (400,) of each band to draw a density at, dense near square-root edges; infinite bands end at the bins."""
    for low, high in bands:
        a = low if np.isfinite(low) else edges[0]
        b = high if np.isfinite(high) else edges[-1]
        if log:
            a, b = max(a, edges[0] * 0.5, 1e-300), max(b, edges[0])
        if b > a:
            angle = 0.5 * (1 - np.cos(np.linspace(0, np.pi, 400)))
            grid = a * (b / a) ** angle if log else a + (b - a) * angle
            grid[0], grid[-1] = a, b
            yield grid


def _finite_bands(bands, low, high, log, floor):
    """The bands in the coordinate of the bins; infinite ends, and ends below the floor, are cut at the data."""
    found = []
    for a, b in sorted(bands):
        if log:
            a = np.log10(a) if a > floor else -np.inf
            b = np.log10(b) if b > 0 else -np.inf
        a = a if np.isfinite(a) else low
        b = b if np.isfinite(b) else high
        if b > a:
            found.append((a, b))
    return found


def _edges_around(inside, low, high, number, floor):
    """Edges over and beyond the bands; none below `floor`, where no eigenvalue of W^T W can be."""
    width = sum(b - a for a, b in inside) / number
    width = max(width, (high - low) / (20 * number))  # a far outlier must not ask for a million bins
    pieces = []
    first, last = inside[0][0], inside[-1][1]
    before = max(0, int(np.ceil((first - low) / width)))
    pieces.append(first - width * np.arange(before, 0, -1))
    for index, (a, b) in enumerate(inside):
        if index and a > inside[index - 1][1]:
            start = inside[index - 1][1]
            pieces.append(np.linspace(start, a, max(1, round((a - start) / width)) + 1)[1:-1])
        pieces.append(np.linspace(a, b, max(1, round((b - a) / width)) + 1))
    after = max(0, int(np.ceil((high - last) / width)))
    pieces.append(last + width * np.arange(1, after + 1))
    edges = np.unique(np.concatenate(pieces))
    return np.concatenate([[floor], edges[edges > floor]]) if floor is not None and edges[0] < floor else edges
