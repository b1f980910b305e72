"""Over all stored runs: does a lower tail exponent go with a better test loss? (2406.04657)"""

import functools
import itertools
import json
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from spectrax import captures, claim, sweep
from spectrax.intervals import rank_correlation
from spectrax.models import TwoLayer
from spectrax.optimizers import GD, Adam
from spectrax.result import Result, open_result
from spectrax.store import Store, read_header
from spectrax.tasks import SingleIndex

PAPER = "2406.04657"
EXPONENTS = {"hill": "Hill", "alpha": "Clauset-Shalizi-Newman"}
LOSSES = {"test_loss": "paper", "test_loss_authors": "authors"}  # convention of the features
SUBSETS = {  # of the runs, by the optimizer's name
    "all": lambda name: True,
    "full-batch gd": lambda name: name == "gd",
    "full-batch adam": lambda name: name.startswith("adam") and "@" not in name,
    "minibatch": lambda name: name == "sgd" or "@" in name,
}
CELL = ["setting", "optimizer", "learning_rate", "step"]  # what varies between the runs of a replicate
FEWEST = 4  # cells below which a rank correlation says nothing
TRAINED = "trained here"
REPLICATES, CELLS = 64, 4096  # of a source that are kept at most
AXES = ("sources",)


@dataclass(frozen=True)
class Config:
    results: str = "results"  # folder of stored results
    sources: tuple[str, ...] = ("learning_rate_study", "heavy_tail_emergence", "generalisation_factors",
                                "adam_anatomy")  # experiments (their newest result), or result folders
    train: tuple[int, ...] = ()  # n, d, h of a small study to train here and now, for trying this out
    replicates: int = 3  # of that study
    seed: int = 0


SMOKE = Config(sources=(), train=(60, 30, 45))


def plan(c: Config) -> sweep.Grid:
    names = [*c.sources, *([TRAINED] if c.train else [])]
    if not names:
        raise ValueError("sources must name at least one stored result; got none. Pass learning_rate_study.")
    coords = {"subset": list(SUBSETS), "exponent": list(EXPONENTS.values()), "convention": list(LOSSES.values())}
    return sweep.Grid(lambda source: measure(c, source), {"source": names}, coords, version=state(c))


def state(c) -> int:
    """A number that changes with what the sources hold: a source with new runs is read anew."""
    runs = {source: (str(folder_of(c, source)), read_header(folder_of(c, source))["runs"]) for source in c.sources}
    return zlib.crc32(json.dumps(runs, sort_keys=True).encode())


def measure(c, source):
    """Per replicate the rank correlation over its cells, and the cells' means over replicates for the figures.

    Everything is the change since the replicate's own start, which takes out data and initial weights.
    """
    table = changes(trained(c) if source == TRAINED else open_result(folder_of(c, source)))
    correlation = np.full((len(SUBSETS), len(EXPONENTS), len(LOSSES), REPLICATES), np.nan)
    for j, belongs in enumerate(SUBSETS.values()):
        chosen = table.loc[[belongs(name) for name in table["optimizer"]]]
        for k, (_, one) in enumerate(itertools.islice(chosen.groupby("replicate"), REPLICATES)):
            correlation[j, :, :, k] = correlations(pd.DataFrame(one))
    cells = table.groupby(CELL)
    found: dict[str, tuple] = {"rank_correlation": (("subset", "exponent", "convention", "sample"), correlation)}
    for name in (*EXPONENTS, *LOSSES):
        values = np.full(CELLS, np.nan)
        if name in table:
            means = cells.aggregate({name: "mean"})[name][:CELLS]
            values[: len(means)] = means
        found[f"change_of_{name}"] = (("cell",), values)
    return found


def folder_of(c, source) -> Path:
    """The source itself where it is a result folder, else the newest of the experiment; ValueError without one."""
    if (Path(source) / "study.json").is_file():
        return Path(source)
    found = sorted((Path(c.results) / source).glob("*/study.json"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise ValueError(f"a source must be a stored result; {source!r} is none below {c.results}. "
                         f"Run `spectrax run {source}` first.")
    return found[-1].parent


def trained(c) -> Result:
    """A small study, kept in memory only."""
    n, d, h = c.train
    plan = sweep.Study(
        SingleIndex(n, d, test_samples=200), lambda rngs: TwoLayer(d, h, rngs=rngs), {"gd": GD(), "adam": Adam()},
        {"gd": (0.1, 10.0, 100.0), "adam": (0.01, 0.1, 1.0)}, (0, 1, 3), replicates=c.replicates, seed=c.seed,
        captures=[captures.tails(), captures.readout(conventions=("paper", "authors"))])
    with tempfile.TemporaryDirectory() as folder:
        header = {"identity": "own", "experiment": "own", "axes": list(plan.axes), "coords": plan.coords()}
        with Store.open(folder, header) as store:
            sweep.run(plan, store)
        result = open_result(folder)
        for name in (*EXPONENTS, *LOSSES):
            _ = result[name]  # read before the folder goes
        return result


def changes(result: Result) -> pd.DataFrame:
    """One row per run and captured step after 0: exponents and losses minus those of the same run's step 0.

    Of each run's first matrix: the others of a deep network have tails of their own, and one loss between them.
    """
    wanted = [name for name in (*EXPONENTS, *LOSSES) if name in result]
    if 0 not in result.steps or not {"hill", "test_loss"} <= set(wanted):
        raise ValueError(f"a source must hold step 0, hill and test_loss; {result.path} doesn't. Choose another.")
    values = {name: functools.reduce(lambda first, later: first.combine_first(later),
                                     [result.get(name, matrix) for matrix in result.matrices]) for name in wanted}
    columns = {name: value - value.sel(step=0, drop=True) for name, value in values.items()}
    frame = pd.concat({name: data.to_series() for name, data in columns.items()}, axis=1).reset_index()
    frame = frame.loc[frame["step"] > 0].dropna(subset=["hill", "test_loss"])
    return frame if "setting" in frame else frame.assign(setting="")


def correlations(table: pd.DataFrame) -> np.ndarray:
    """Spearman's rank correlation of every exponent with every loss over the rows, (exponents, losses)."""
    found = np.full((len(EXPONENTS), len(LOSSES)), np.nan)
    for i, exponent in enumerate(EXPONENTS):
        for j, loss in enumerate(LOSSES):
            if {exponent, loss} <= set(table):
                pairs = table[[exponent, loss]].to_numpy(float)
                pairs = pairs[~np.isnan(pairs).any(axis=1)]
                if len(pairs) >= FEWEST:
                    found[i, j] = rank_correlation(*pairs.T)
    return found


def claims(r):
    """The paper's reading is a positive correlation: the lower the exponent, the lower the loss."""
    rho = r["rank_correlation"]
    for source, subset, exponent, convention in itertools.product(
        r.axes["source"], SUBSETS, EXPONENTS.values(), LOSSES.values()
    ):
        sample = rho.sel(source=source, subset=subset, exponent=exponent, convention=convention).values
        if np.isfinite(sample).any():
            what = f"{Path(source).name}, {subset} runs, {convention} features: "
            yield claim.differs(what + f"lower {exponent} exponent, lower test loss", PAPER, sample, 0.0, sign=+1)


def scatter(r, axes):
    """Change of the loss against change of Hill's exponent, a dot per optimizer, rate, setting and step."""
    names = r.axes["source"]
    panels = np.reshape(axes(len(names), len(LOSSES)), (len(names), -1))
    for row, source in zip(panels, names, strict=True):
        for ax, (loss, convention) in zip(row, LOSSES.items(), strict=True):
            x, y = (r[f"change_of_{name}"].sel(source=source).values for name in ("hill", loss))
            rho = r["rank_correlation"].sel(source=source, subset="all", exponent="Hill", convention=convention).values
            title = f"{Path(source).name}\n{convention} features"
            ax.set_title(title)
            if not np.isfinite(rho).any():
                ax.text(0.5, 0.5, "not captured", ha="center", va="center", transform=ax.transAxes)
                ax.set_axis_off()
                continue
            ax.axhline(0.0, color="#999999", linewidth=0.7)
            ax.axvline(0.0, color="#999999", linewidth=0.7)
            ax.plot(x, y, ".", markersize=4, color="#0072b2", markeredgewidth=0, alpha=0.7)
            ax.set(title=f"{title}, rank correlation {np.nanmean(rho):.2f}", xlabel=r"change of Hill's $\alpha$",
                   ylabel="change of test loss")


FIGURES = {"scatter": scatter}
