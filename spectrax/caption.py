"""What stands below a figure: sizes, replicates, steps and the choice made of a stored result, on one line."""

from typing import Any

from spectrax.narrowing import SETTING, listed

LETTERS = {"samples": "n", "inputs": "d", "width": "h"}


def caption_of(result: Any) -> str:
    """One line for a figure of a Result: sizes, replicates and steps, these by setting where lengths differ."""
    parts = [
        f"{LETTERS[k]} = {', '.join(map(str, v)) if isinstance(v, list) else v}"
        for k, v in result.config.items()
        if k in LETTERS
    ]
    axes = result.axes
    if "replicate" in axes:
        count = len(axes["replicate"])
        parts.append(f"{count} replicate" + "s" * (count != 1))
    if result.steps:
        lengths = _by_length(result, axes.get(SETTING, []))
        several = len(lengths) > 1
        parts += [_steps(steps) + (f" ({_named(names)})" if several else "") for steps, names in lengths.items()]
    parts += [f"{k} {', '.join(map(str, listed(v)))}" for k, v in result.selection.items() if k != "step"]
    return ", ".join(parts)


def _by_length(result, settings) -> dict[tuple[int, ...], list[str]]:
    """Captured steps -> the settings that have them, since a setting may end before the last step."""
    found: dict[tuple[int, ...], list[str]] = {}
    for name in settings or [""]:
        last = result.header.get("settings", {}).get(name, {}).get("last_step")
        steps = tuple(s for s in result.steps if last is None or s <= last)
        if steps:
            found.setdefault(steps, []).append(name)
    return found


def _steps(steps):
    return "step" + "s" * (len(steps) > 1) + " " + ", ".join(map(str, steps))


def _named(names):
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} settings"
