"""A spectrum beside its law: filled histogram, thin dark density, atoms, outliers measured and predicted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from spectrax.figures import key, look
from spectrax.figures.bins import bin_edges, choose_scale, law_grid

SCALES = ("auto", "linear", "log", "loglog")


class Pool(NamedTuple):
    """Several spectra together: values (n,) sorted, their number `total` with exact zeros, kind, divisor of W^T W."""

    values: np.ndarray
    total: int
    kind: str
    scale: float | None


@look.panel
def spectrum(ax: Any, spectrum: Any, law: Any = None, outliers: Sequence[float] = (), predicted: Sequence[float] = (),
             null: Any = None, *, bins: int | None = None, scale: str = "auto", zeros: int = 0,
             law_name: str = "theory", null_name: str = "null") -> None:
    """Draw the density of a spectrum as a filled histogram, with its law as a thin dark line.

    spectrum: a Spectrum, an array (one-dimensional or more, pooled, NaN left out), or a list of these. The histogram is
    that of all eigenvalues, so its area is 1 minus the mass at the law's atoms; exact zeros that a Spectrum leaves out
    count (`zeros` says how many an array leaves out). Atoms are arrows with their mass, predicted and measured;
    `outliers` are ticks, `predicted` outliers open triangles. null: what chance gives, as (lo, hi) on the eigenvalue
    axis, a number there, a callable density, or another spectrum (its outline is drawn). law_name, null_name: for the
    key.
    bins: number of bins over the bulk; they end at the band edges. scale: "linear", "log" (log axis, density of log10,
    so that areas remain fractions), "loglog" (density, for tails), or "auto": linear unless values lie decades beyond
    the bulk; log for a few of them, loglog for a tail. Raises ValueError for an empty spectrum, an unknown scale, or
    eigenvalues against a law of singular values.

    >>> import numpy as np
    >>> from spectrax.figures import canvas
    >>> ax = canvas(3.4)()
    >>> spectrum(ax, np.arange(1.0, 101.0), outliers=[5000.0])
    >>> ax.get_xscale()
    'log'
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}; got {scale!r}.")
    pool = pooled(spectrum, zeros)
    _check_kind(pool, law)
    atoms, bands = (() if law is None else law.atoms), (() if law is None else law.bands)
    values = pool.values[~_at_atoms(pool, atoms)]
    marked = np.concatenate([np.ravel(np.asarray(m, float)) for m in (outliers, predicted)])
    marked = marked[np.isfinite(marked)]
    scale = choose_scale(values, bands, marked) if scale == "auto" else scale
    edges = bin_edges(values, bands, bins, scale != "linear")
    heights = _histogram(values, edges, pool.total, scale)
    ax.set_xscale("linear" if scale == "linear" else "log")
    ax.stairs(heights, edges, fill=True, color=look.MEASURED, zorder=1)
    ax.stairs(heights, edges, color=look.darker(look.MEASURED), linewidth=0.4, zorder=1)
    key.add(ax, {"measured": key.patch(facecolor=look.MEASURED, edgecolor=look.darker(look.MEASURED), linewidth=0.4)})
    peak = np.zeros(0) if law is None else _draw_law(ax, law, edges, scale, law_name)
    peak = np.minimum(peak, (100 if scale == "loglog" else 1.25) * heights.max())  # it may diverge at a hard edge
    _set_limits(ax, np.concatenate([heights, peak]), edges, marked, scale, [place for place, _ in atoms])
    _draw_null(ax, null, edges, scale, null_name)
    for place, mass in atoms:
        _draw_atom(ax, place, mass, pool)
    _draw_outliers(ax, outliers, predicted)
    ax.set_xlabel(_value_label(pool, spectrum))
    symbol = r"\lambda" if pool.kind == "eigenvalues" else "s"
    ax.set_ylabel(rf"density of $\log_{{10}}{symbol}$" if scale == "log" else "density")
    hidden = int(np.sum(values < edges[0]))
    if hidden:
        ax.annotate(f"← {hidden} of {pool.total}", (0.01, 0.7 if atoms else 0.98), xycoords="axes fraction", va="top",
                    fontsize=look.font_of(ax) - 1.0, color="#555555", zorder=5)


def pooled(spectra: Any, zeros: int = 0) -> Pool:
    """One pool from a Spectrum, an array or a list of them; finite values only. ValueError where nothing is left."""
    several = isinstance(spectra, list | tuple) and any(hasattr(s, "kind") or np.ndim(s) for s in spectra)
    items: list[Any] = list(spectra) if several else [spectra]
    kinds = {str(item.kind) for item in items if hasattr(item, "kind")}
    scales = {getattr(item, "scale", None) for item in items}
    if len(kinds) > 1:
        raise ValueError("spectra must be of one kind; got eigenvalues and singular values. Pass spectrum.squared().")
    arrays = [item.values if hasattr(item, "values") else item for item in items]
    values = np.concatenate([np.ravel(np.asarray(array, dtype=np.float64)) for array in arrays])
    values = np.sort(values[np.isfinite(values)])
    if values.size == 0:
        raise ValueError("spectrum must hold at least one finite value; got none. Choose a run that did not diverge.")
    absent = sum(getattr(item, "zeros", zeros) if hasattr(item, "kind") else zeros for item in items)
    return Pool(values, values.size + int(absent), kinds.pop() if kinds else "eigenvalues",
                scales.pop() if len(scales) == 1 else None)


def _check_kind(pool, law):
    described = getattr(law, "kind", None)
    if described in ("eigenvalues", "singular_values") and described != pool.kind:
        remedy = "spectrum.squared()" if described == "eigenvalues" else "theory.SingularValues(law)"
        raise ValueError(f"law describes {described.replace('_', ' ')} but spectrum holds "
                         f"{pool.kind.replace('_', ' ')}; pass {remedy}.")


def _at_atoms(pool, atoms):
    width = max(float(np.abs(pool.values).max()), 1e-300)
    found = np.zeros(pool.values.shape, bool)
    for place, _ in atoms:
        found |= np.abs(pool.values - place) <= 1e-10 * width  # rounding of a float64 Gram matrix stays well below
    return found


def _histogram(values, edges, total, scale):
    counts = np.histogram(values, edges)[0]
    widths = np.diff(np.log10(edges)) if scale == "log" else np.diff(edges)
    return counts / (total * widths)


def _draw_law(ax, law, edges, scale, name):
    """Draw the density of each band; returns the bands' peaks."""
    peaks = []
    for grid in law_grid(law.bands, edges, scale != "linear"):
        density = np.asarray(law.pdf(grid), float)
        density = np.where(np.isfinite(density), density, np.nan)
        density = density * grid * np.log(10) if scale == "log" else density
        ax.plot(grid, density, color=look.INK, linewidth=0.9, zorder=3)
        peaks.append(np.nanmax(density, initial=0.0))
    key.add(ax, {name: key.line(color=look.INK, linewidth=0.9)})
    return np.array(peaks)


def _set_limits(ax, heights, edges, marked, scale, atoms):
    low, high = edges[0], max(edges[-1], *marked) if marked.size else edges[-1]
    if marked.size:
        low = min(low, *(m for m in marked if m > 0 or scale == "linear"), low)
    if scale == "linear":
        width = high - low  # farther atoms would squeeze the bulk
        near = [place for place in atoms if low - width <= place <= high + width]
        low, high = min([low, *near]), max([high, *near])
        ax.set_xlim(low - 0.03 * (high - low), high + 0.04 * (high - low))
    else:
        ax.set_xlim(low / (high / low) ** 0.02, high * (high / low) ** 0.04)
    filled = heights[heights > 0]
    if scale == "loglog":
        ax.set_yscale("log")
        ax.set_ylim(filled.min() / 3, filled.max() * 3)
    else:
        ax.set_ylim(0, filled.max() * (1.3 if atoms else 1.12))


def _draw_null(ax, null, edges, scale, name):
    if null is None:
        return
    line = dict(color="#8c8c8c", linewidth=1.2)
    if callable(null):
        grid = np.geomspace(edges[0], edges[-1], 400) if scale != "linear" else np.linspace(edges[0], edges[-1], 400)
        height = np.asarray(null(grid), float)
        ax.plot(grid, height * grid * np.log(10) if scale == "log" else height, zorder=2, **line)
    elif np.ndim(null) == 0 and not hasattr(null, "kind"):
        ax.axvline(float(null), zorder=0.5, **line)
    elif np.shape(null) == (2,) and not hasattr(null, "kind"):
        ax.axvspan(float(null[0]), float(null[1]), color=look.NULL, alpha=0.6, linewidth=0, zorder=0)
        return key.add(ax, {name: key.patch(color=look.NULL, alpha=0.6, linewidth=0)})
    else:
        other = pooled(null)
        ax.stairs(_histogram(other.values, edges, other.total, scale), edges, zorder=2, **line)
    key.add(ax, {name: key.line(**line)})


def _draw_atom(ax, place, mass, pool):
    """Arrow at the atom, at the left frame where the axis doesn't reach it, with predicted and measured mass."""
    font = look.font_of(ax) - 1.0
    visible = ax.get_xlim()[0] < place < ax.get_xlim()[1]
    left_out = pool.total - pool.values.size if place == 0 else 0
    seen = (int(_at_atoms(pool, ((place, mass),)).sum()) + left_out) / pool.total
    across = ("data" if visible else "axes fraction", "axes fraction")
    x = place if visible else 0.012
    ax.annotate("", (x, 0.97), xytext=(x, 0.0), xycoords=across, textcoords=across, zorder=4,
                arrowprops=dict(arrowstyle="-|>,head_width=0.18,head_length=0.4", color=look.INK, linewidth=1.0,
                                shrinkA=0, shrinkB=0))
    ax.annotate(f"mass {mass:.3g} at {place:.3g}\nmeasured {seen:.3g}", (x, 0.98), xycoords=across, xytext=(4, 0),
                va="top", textcoords="offset points", fontsize=font, color=look.INK, linespacing=1.1, zorder=4)


def _draw_outliers(ax, outliers, predicted):
    seen, expected = (np.ravel(np.asarray(v, float)) for v in (outliers, predicted))
    frame = ax.get_xaxis_transform()
    if np.isfinite(seen).any():
        ax.vlines(seen[np.isfinite(seen)], 0.0, 0.09, transform=frame, zorder=4, color=look.ACCENT, linewidth=1.3)
        tick = dict(color=look.ACCENT, marker="|", markersize=7, markeredgewidth=1.3, linestyle="none")
        key.add(ax, {"outlier": key.line(**tick)})
    if np.isfinite(expected).any():
        hollow = dict(marker="v", markerfacecolor="none", markeredgecolor=look.INK, markeredgewidth=0.9, markersize=5.5,
                      linestyle="none")
        expected = expected[np.isfinite(expected)]
        ax.plot(expected, np.full(expected.size, 0.135), transform=frame, zorder=4, **hollow)
        key.add(ax, {"predicted outlier": key.line(**hollow)})


def _value_label(pool, spectrum):
    if "long_name" in getattr(spectrum, "attrs", {}):
        return look.axis_label("", spectrum)
    if pool.kind == "singular_values":
        return "singular value $s$" + ("" if pool.scale is None else _of("W", pool.scale, root=True))
    return r"eigenvalue $\lambda$" + ("" if pool.scale is None else _of("W^T W", pool.scale))


def _of(name, scale, root=False):
    if scale == 1:
        return f" of ${name}$"
    divisor = rf"\sqrt{{{scale:.6g}}}" if root else f"{scale:.6g}"
    return f" of ${name}/{divisor}$"
