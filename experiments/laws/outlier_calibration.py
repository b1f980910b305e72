"""Does the Tracy-Widom test call what it should: noise at its level, spikes from the threshold on? (Johnstone 2001)"""

import zlib
from dataclasses import dataclass

import numpy as np

import theory
from spectrax import claim, figures, sweep
from spectrax.bulk_fit import fit_variance
from spectrax.nulls import spiked_eigenvalues
from spectrax.outliers import step_down
from spectrax.spectrum import Spectrum

PAPER = "Johnstone 2001; Baik, Ben Arous and Peche 2005"
AXES = ("replicates",)
LEVELS = (0.05, 0.01)
TESTS = ("variance fitted, .05", "variance fitted, .01", "variance known, .05", "variance known, .01",
         "weightwatcher's margin", "bare edge")
# stated beforehand: how far the false-alarm rate may lie from its level; Johnstone's error is of order n^(-2/3).
# 2000 draws can't tell less than .02 and .008 (4 binomial standard errors)
MARGIN = {0.05: 0.01, 0.01: 0.004}
FEW_DRAWS = 2.0  # factor on the margin for the large shapes


@dataclass(frozen=True)
class Config:
    small_shapes: tuple[str, ...] = ("60x40", "100x100", "300x200")  # rows x cols
    large_shapes: tuple[str, ...] = ("1000x1000", "1500x1000")
    small_draws: int = 20_000  # of pure noise, all replicates together
    large_draws: int = 2_000
    power_draws: int = 400  # at each strength
    strengths: tuple[float, ...] = (0.8, 0.9, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0)  # in units of the threshold
    replicates: int = 20  # blocks of draws, for the errors
    seed: int = 0


SMOKE = Config(small_shapes=("30x20",), large_shapes=("60x60",), small_draws=400, large_draws=200, power_draws=40,
               strengths=(1.0, 1.3, 1.6, 2.0), replicates=4)


def plan(c: Config) -> sweep.Grid:
    draws = min(c.small_draws, c.large_draws, c.power_draws)
    if c.replicates < 1 or draws < c.replicates or not c.strengths or min(c.strengths) <= 0:
        raise ValueError(f"draws must be at least one per replicate and strengths positive; got {c}.")
    shapes = {**dict.fromkeys(c.small_shapes, c.small_draws), **dict.fromkeys(c.large_shapes, c.large_draws)}

    def number(shape, strength):
        return max(1, (c.power_draws if strength else shapes[shape]) // c.replicates)

    return sweep.Grid(
        lambda shape, strength, replicate: measure(c, shape, strength, replicate, number(shape, strength)),
        {"shape": [*shapes], "strength": [0.0, *c.strengths], "replicate": range(c.replicates)},
        coordinates={"test": TESTS},
        seconds=lambda shape, strength, replicate: number(shape, strength) * (1e-4 + 2e-8 * min(size(shape)) ** 2),
    )


def size(shape: str) -> tuple[int, int]:
    """(rows, cols) of "300x200"; ValueError for anything else."""
    parts = shape.split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 1 for part in parts):
        raise ValueError(f"shape must be written rows x cols, each at least 2, as 300x200; got {shape!r}.")
    return int(parts[0]), int(parts[1])


def measure(c: Config, shape: str, strength: float, replicate: int, draws: int) -> dict:
    """Share of `draws` matrices whose largest eigenvalue each test calls; strength in units of the BBP threshold."""
    rows, cols = size(shape)
    rng = np.random.default_rng([c.seed, zlib.crc32(f"{shape} {strength}".encode()), replicate])
    called = np.zeros(len(TESTS))
    for _ in range(draws):
        # unit noise: the threshold of N + strength u v^T is (rows cols)^(1/4)
        values = spiked_eigenvalues((rows, cols), strength * (rows * cols) ** 0.25, rng)
        called += verdicts(values, (rows, cols))
    return {"called": (("test",), called / draws)}


def verdicts(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What each test says of the eigenvalues (p,) of W^T W whose noise has unit variance: (tests,) of 0 and 1."""
    spectrum = Spectrum(values, shape)
    levels = np.array(LEVELS)
    fitted, known = (step_down(spectrum, v, level=1e-9)[0][0] for v in (None, 1.0))
    edge = (shape[0] ** 0.5 + shape[1] ** 0.5) ** 2 * fit_variance(spectrum)
    return np.array([*(fitted < levels), *(known < levels), beyond_margin(values, shape), values[-1] > edge], float)


def beyond_margin(values: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether weightwatcher's rule calls the largest eigenvalue a spike.

    Eigenvalues of mean 1, Q = larger/smaller dimension, edge (1 + Q^-1/2)^2, margin sqrt(Q^-1/2 edge^(2/3) M^(-2/3)), M
    the smaller dimension (CalculatedContent/WeightWatcher, `fit_mp` of 2022-24). Its variance comes from a kernel
    density; here from the mean, which pure noise makes the better estimate.
    """
    small, large = sorted(shape)
    q, scaled = large / small, values[-1] / values.mean()
    edge = (1 + q**-0.5) ** 2
    return bool(scaled > edge + np.sqrt(q**-0.5 * edge ** (2 / 3) * small ** (-2 / 3)))


def claims(r):
    for shape in r.axes["shape"]:
        noise = r.at(shape=shape, strength=0.0)["called"]
        for how in ("fitted", "known"):
            for level in LEVELS:
                rate = noise.sel(test=f"variance {how}, {level:.2f}".replace("0.", "."))
                margin = MARGIN[level] * (FEW_DRAWS if shape in r.config["large_shapes"] else 1.0)
                yield claim.equivalent(f"{shape}, variance {how}: false alarms at level {level:g}", "Johnstone 2001",
                                       rate, level, margin=margin)
        yield claim.differs(f"{shape}: the bare edge alarms on noise more often than the test at .05", "ours",
                            noise.sel(test="bare edge"), noise.sel(test=TESTS[0]), sign=+1)
        expected = predicted_crossing(size(shape), LEVELS[1])
        window = 0.3 * min(size(shape)) ** (-1 / 3)  # a third of the width of the transition at this size
        yield claim.equals(f"{shape}: half of the spikes are called at .01 from the predicted strength on",
                           "BBP with Tracy-Widom", crossings(r.at(shape=shape), TESTS[1]), expected, relative=window)
        yield claim.differs(f"{shape}: weightwatcher's margin calls half of the spikes only at larger strengths",
                            "ours", *(crossings(r.at(shape=shape), test) for test in (TESTS[4], TESTS[1])), sign=+1)


def predicted_crossing(shape: tuple[int, int], level: float) -> float:
    """Strength, in units of the threshold, whose predicted outlier lies at the test's critical value."""
    centre, unit = theory.largest_eigenvalue(*shape)
    critical = centre + unit * theory.TracyWidom(1).quantile(1 - level)
    rows, cols = shape
    strength = theory.strength_from_outlier(np.sqrt(critical / rows), cols / rows)
    return strength / (cols / rows) ** 0.25


def crossings(r, test: str) -> np.ndarray:
    """Strength at which the test calls half of the matrices, per replicate (replicates,); NaN where none does."""
    power = r["called"].sel(test=test).transpose("replicate", "strength")
    strengths = power.strength.values
    return np.array([crossing(strengths, row) for row in power.values])


def crossing(strengths: np.ndarray, power: np.ndarray) -> float:
    """First linear crossing of one half; NaN where there is none."""
    above = np.flatnonzero(power >= 0.5)
    if not above.size or above[0] == 0:
        return np.nan
    i = above[0]
    return float(np.interp(0.5, power[i - 1 : i + 1], strengths[i - 1 : i + 1]))


def false_alarms(r, axes):
    noise = r.at(strength=0.0)["called"]
    for ax, test in zip(np.ravel(axes(2, 2)), TESTS[:4], strict=True):
        level = LEVELS[TESTS.index(test) % 2]
        figures.strip(ax, noise, by="shape", null=level, null_name="level of the test", at={"test": test})
        ax.set(title=test, ylabel="share of noise called", xlabel="rows x columns")
        ax.set_xticks(ax.get_xticks(), [shape.replace("x", " x\n") for shape in r.axes["shape"]])


def power(r, axes):
    shapes = r.axes["shape"]
    panels = np.ravel(axes(-(-len(shapes) // 2), 2))
    for ax in panels[len(shapes) :]:
        ax.set_visible(False)
    for ax, shape in zip(panels, shapes, strict=False):
        chosen = r.at(shape=shape)["called"].sel(test=[TESTS[0], TESTS[1], TESTS[4], TESTS[5]])
        chosen = chosen.isel(strength=chosen.strength.values > 0)
        figures.against(ax, chosen, x="strength", by="test", centre="mean",
                        lines={"BBP": 1.0, "half": predicted_crossing(size(shape), 0.01)})
        ax.set(title=shape, xlabel="strength / threshold (half: predicted, .01)", ylabel="share called")


FIGURES = {"false_alarms": false_alarms, "power": power}
