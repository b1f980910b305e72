"""How things look: colours, markers, fonts, names of axes. The same quantity looks the same in every figure."""

from collections.abc import Callable, Iterable
from functools import wraps
from itertools import count
from typing import Any, TypeVar

import numpy as np

INK = "#222222"  # theory, text, predicted outliers
MEASURED = "#a6c8e0"  # filled histogram
ACCENT = "#d55e00"  # measured outliers, vertical marks
NULL = "#d4d4d4"  # what chance alone gives
RATE_SCALE = (1e-4, 1e4)  # learning rates at the two ends of the colour map

# Okabe and Ito's colours without yellow and black: distinct under the common colour-vision deficiencies
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#8c5a2b", "#8a9a00", "#c2185b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINESTYLES = ("-", "--", ":", "-.")
_RESERVED = {"gd": 0, "adam": 1, "sgd": 2, "momentum": 3}
_Panel = TypeVar("_Panel", bound=Callable[..., Any])
_WORDS = {"gd": "GD", "sgd": "SGD", "adam": "Adam"}
_AXES = {"learning_rate": r"learning rate $\eta$", "step": "step $t$", "samples": "samples $n$", "inputs": "inputs $d$",
         "width": "width $h$", "ratio": "ratio cols / rows"}


def colour_of(learning_rate: float) -> str:
    """Hex colour of a learning rate: viridis over log10 of the rate, fixed from 1e-4 to 1e4 whatever rates are present.

    Raises ValueError unless the rate is positive and finite.

    >>> colour_of(1e-4) == colour_of(1e-9), colour_of(0.1) == colour_of(1.0)
    (True, False)
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be positive and finite; got {learning_rate}.")
    low, high = np.log10(RATE_SCALE)
    position = np.clip((np.log10(learning_rate) - low) / (high - low), 0.0, 1.0)
    return to_hex(colormaps["viridis"](0.93 * position))  # the last tenth is too light on white


def marker_of(learning_rate: float) -> str:
    """Marker of a learning rate, fixed like its colour: one per quarter decade, so that near rates differ."""
    return MARKERS[round(4 * float(np.log10(learning_rate))) % len(MARKERS)]


def group_styles(figure: Any, dimension: str, values: Iterable[Any]) -> list[dict[str, Any]]:
    """Colour and marker of each value of a dimension, remembered by the figure: one name, one look on all panels.

    Learning rates go by `colour_of`; other numbers, being ordered, by viridis over the values present; names by a
    categorical palette in which the common optimizers have places of their own.
    """
    from matplotlib import colormaps

    values = list(values)
    if dimension == "learning_rate":
        return [{"color": colour_of(v), "marker": marker_of(v)} for v in values]
    if len(values) > 1 and all(isinstance(v, (int, float, np.number)) for v in values):
        shades = colormaps["viridis"](np.argsort(np.argsort(values)) * 0.88 / (len(values) - 1))
        return [{"color": tuple(s), "marker": MARKERS[i % len(MARKERS)]} for i, s in enumerate(shades)]
    places: dict[str, int] = figure.__dict__.setdefault("_group_places", {})
    for value in map(str, values):
        if value not in places:
            taken = set(places.values())
            own = _RESERVED.get(value)
            places[value] = next(i for i in count() if i not in taken) if own is None or own in taken else own
    found = [places[str(value)] for value in values]
    return [{"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]} for i in found]


def darker(colour: Any) -> tuple[float, ...]:
    """The colour at 55 % of its brightness: a theory line that belongs to one of several groups."""
    from matplotlib.colors import to_rgb

    return tuple(0.55 * part for part in to_rgb(colour))


def number(value: Any) -> str:
    """A number short enough for a tick; powers of ten below 0.001 and from 10^5 on as mathtext; names spelt as usual.

    >>> number(0.001), number(3000.0), number("adam"), number(2.5e-6)
    ('0.001', '3000', 'Adam', '$2.5\\\\cdot10^{-6}$')
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return _WORDS.get(str(value), str(value).replace("_", " "))
    if value == 0 or not np.isfinite(value) or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    digits = f"{float(mantissa):g}"
    return f"$10^{{{int(exponent)}}}$" if digits == "1" else rf"${digits}\cdot10^{{{int(exponent)}}}$"


def axis_label(name: str, data: Any = None) -> str:
    """Label of a dimension or of a DataArray: its attributes long_name and units, else its name with its symbol."""
    attributes = getattr(data, "attrs", {})
    if "long_name" in attributes:
        units = attributes.get("units", "")
        return f"{attributes['long_name']} ({units})" if units else str(attributes["long_name"])
    return _AXES.get(name, name.replace("_", " "))


def font_of(ax: Any) -> float:
    """Base font size of an Axes in points: that of its axis label, which `canvas` sets."""
    return float(ax.xaxis.label.get_size())


def settings(font: float) -> Any:
    """Dictionary of matplotlib settings for one page, to be used in an `rc_context`. font: base size in points."""
    return {"font.size": font, "axes.labelsize": font, "axes.titlesize": font + 0.5, "legend.fontsize": font - 0.5,
            "xtick.labelsize": font - 0.5, "ytick.labelsize": font - 0.5, "font.family": "DejaVu Sans",
            "mathtext.fontset": "dejavusans", "axes.linewidth": 0.6, "axes.edgecolor": "#555555",
            "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "axes.titlepad": 4.0,
            "axes.labelpad": 2.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4,
            "ytick.minor.width": 0.4, "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5,
            "ytick.minor.size": 1.5, "lines.linewidth": 1.1, "lines.markersize": 3.6, "hatch.linewidth": 0.5,
            "pdf.fonttype": 42, "savefig.bbox": None, "figure.facecolor": "white", "savefig.facecolor": "auto"}


def panel(function: _Panel) -> _Panel:
    """Decorator of a panel: it draws in the style of a page, at the base font size of the Axes that comes first."""

    @wraps(function)
    def styled(ax: Any, *args: Any, **named: Any) -> Any:
        from matplotlib import rc_context

        with rc_context(settings(font_of(ax))):
            return function(ax, *args, **named)

    return styled  # pyright: ignore[reportReturnType]


def text_width(text: str, font: float) -> float:
    """Width of one line of text in inches, in the font that the pages use."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    math = text.count("$") >= 2 and text.count("$") % 2 == 0
    size = FontProperties(family="DejaVu Sans", size=font)
    return text_to_path.get_text_width_height_descent(text, size, math)[0] / 72 if text else 0.0
