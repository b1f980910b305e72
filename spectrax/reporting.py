"""What the command line prints: the plan of a run, the table of claims, what a result holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spectrax import claim
from spectrax.prediction import NAME, read_prediction
from spectrax.result import Result, open_result
from spectrax.store import StoreError, read_header

_COLOURS = {"holds": "green", "fails": "bold red", "undecided": "yellow"}


SMOKE = "a smoke run: its sizes are too small for the claims, whatever their verdicts; run without --smoke"


def report(
    result: Result, claims: Sequence[claim.Claim], figures: Sequence[Path], smoke: bool = False
) -> None:
    """Claims as a table, then notable runs and the paths of everything stored; last, that it was a smoke run."""
    console = _console()
    if claims:
        _print_claims(console, claims)
    for line in notable(result):
        console.print(line)
    for path in figures:
        if path.suffix == ".png":
            console.print(f"figure  {path}", highlight=False, markup=False, soft_wrap=True)
    if claims:
        console.print(f"claims  {result.path / 'claims.csv'}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"result  {result.path}", highlight=False, markup=False, soft_wrap=True)
    if smoke and claims:
        console.print(SMOKE, highlight=False, markup=False, soft_wrap=True)


def notable(result: Result) -> list[str]:
    """A line each on runs that diverged, ended above their initial loss or met a singular ridge system, if any did."""
    lines = []
    for variable, words in (
        ("diverged", "diverged (weights or loss not finite): kept and marked"),
        ("loss_above_start", "ended with a training loss above its start"),
    ):
        if variable in result:
            marked = result[variable]
            lines += _named_runs(marked == 1, int(marked.notnull().sum()), words)
    for loss, alignment in (("test_loss", "kta"), ("test_loss_authors", "kta_authors")):
        if loss in result and alignment in result:
            known = result[alignment].notnull()  # it needs no inverse
            singular, inside = known & result[loss].isnull(), [d for d in known.dims if d not in result.header["axes"]]
            words = f"met a singular ridge system: {loss} is missing there; raise the regularisation"
            lines += _named_runs(singular.any(inside), int(known.any(inside).sum()), words)
    return lines


def _named_runs(marked, count: int, words: str) -> list[str]:
    """How many runs are marked, of how many, and which; nothing where none is."""
    runs = marked.where(marked).to_series().dropna().reset_index()
    if not len(runs):
        return []
    axes = [axis for axis in ("setting", "optimizer", "learning_rate") if axis in runs]
    rates = sorted(set(runs[axes].itertuples(index=False, name=None)))
    named = ", ".join(" ".join(f"{v:g}" if isinstance(v, float) else v for v in row) for row in rates)
    return [f"{len(runs)} of {count} runs {words} ({named})"]


def announce(module: Any, config: Any, output: str | None) -> None:
    """What `run` would do: runs to do and done, where, expected time and memory. Runs nothing, writes nothing."""
    from spectrax import experiment, runner, sweep  # not for `show`: they load jax

    plan = runner.plan_of(module, config)
    sweep.check(plan)
    identity = experiment.identity(module, config, plan)
    folder = Path(output) if output else experiment.folder_of("results", identity)
    points = plan.points()
    missing = points
    if (folder / "study.json").is_file():
        if read_header(folder).get("identity") != identity:
            raise StoreError(
                f"the output folder must hold this study; {folder} holds another. Choose another --output."
            )
        stored = open_result(folder)._finished
        missing = [point for point in points if point not in stored]
    expected = runner.estimate(plan, missing)
    console = _console()
    counts = f"{len(points)} runs, {len(points) - len(missing)} stored, {len(missing)} to do"
    console.print(f"{identity['experiment']}: {counts}")
    for name, unit in (("seconds", "s"), ("memory", "MiB")):
        known = expected[name] == expected[name]
        amount = f"about {expected[name]:.0f} {unit}" if known else "not known beforehand: the experiment doesn't say"
        console.print(f"expected {'time' if name == 'seconds' else name}: {amount}")
    console.print(f"result  {folder}", highlight=False, markup=False, soft_wrap=True)


def predicted(path: Path) -> None:
    """A stored prediction, variable by variable, and where it lies."""
    console, found = _console(), read_prediction(path.parent)
    when = "before anything was measured" if found.attrs["before_measurement"] else "after the first run was measured"
    console.print(f"predicted {found.attrs['written']}, {when}")
    for name, values in found.data_vars.items():
        dims = ", ".join(f"{dim} {size}" for dim, size in values.sizes.items())
        low, high = float(values.min()), float(values.max())
        said = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        console.print(f"  {name}" + (f" ({dims})" if dims else "") + f": {said}", highlight=False, markup=False)
    console.print(f"prediction  {path}", highlight=False, markup=False, soft_wrap=True)


def show(folder: Path) -> None:
    """Configuration, axes, variables, sessions and the stored claims of a result; nothing is run or imported."""
    result = open_result(folder)
    axes, variables, remarks = result.axes, result.variables, notable(result)  # read before anything is printed
    console = _console()
    header = result.header
    console.print(f"{header['experiment']}  {folder}", highlight=False, markup=False, soft_wrap=True)
    for key, value in result.config.items():
        console.print(f"  {key} = {value}", highlight=False, markup=False)
    console.print(f"{len(result._finished)} of {len(header['runs'])} runs stored; axes:")
    for axis, values in axes.items():
        console.print(
            f"  {axis}: {', '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in values)}",
            highlight=False,
            markup=False,
        )
    console.print("variables: " + ", ".join(variables), highlight=False, markup=False)
    if (folder / NAME).is_file():
        predicted(folder / NAME)
    for line in remarks:
        console.print(line, markup=False)
    for session in header["sessions"]:
        versions = " ".join(f"{k} {v}" for k, v in session.get("versions", {}).items())
        did = f"{session['runs']} runs in {session['seconds']:.0f} s" if "runs" in session else "interrupted"
        where = f"{session.get('cores')} cores, {session.get('device')}, {session.get('mapping', 'points')}"
        console.print(
            f"session {session.get('started')}: {did}, {where}; commit {session.get('commit', 'unknown')[:13]}; "
            f"{versions}",
            highlight=False,
            markup=False,
        )
    stored = folder / "claims.csv"
    if stored.is_file():
        _print_claims(console, claim.read_csv(stored))


def selection(pairs: Sequence[str]) -> dict[str, Any]:
    """{"optimizer": ["adam"], "step": [1, 2]} from ["optimizer=adam", "step=1", "step=2"]; ValueError without `=`.

    Lists keep every dimension that a figure counts on; a matrix is one name.
    """
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--select must be AXIS=VALUE; got {pair!r}. For example optimizer=adam.")
        chosen[name] = value if name == "matrix" else [*chosen.get(name, ()), _number(value)]
    return chosen


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _print_claims(console, claims):
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("claim", "source"):
        table.add_column(name, overflow="fold")
    for name in ("reference", "measured", "s.e."):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("verdict", no_wrap=True)
    table.add_column("rule (measured - reference)", overflow="fold")
    for c in claims:
        table.add_row(
            escape(c.statement),
            escape(c.source),
            *(f"{x:.4g}" for x in (c.predicted, c.measured, c.error)),
            str(c.n),
            f"[{_COLOURS[c.verdict]}]{c.verdict}[/]",
            escape(c.detail),
        )
    console.print(table)


def _console():
    from rich.console import Console

    return Console(width=None if Console().is_terminal else 200)
