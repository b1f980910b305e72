"""The command line: spectrax list | run | show | redraw | check. Heavy imports wait until a command needs them."""

import argparse
import functools
import gc
import os
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path

import spectrax
from experiments.catalogue import catalogue, locate, question
from spectrax.shadowing import check_theory

USAGE = """spectrax COMMAND ...

  list                              the experiments and their questions
  run NAME|FILE.py [flags]          run what is missing of an experiment, print claims, figures, result
  predict NAME|FILE.py [flags]      store what theory says, before anything is measured
  check NAME|FILE.py [flags]        the same as run; exit status 1 where a claim fails, with --smoke too
  show RESULT                       what a result holds: configuration, sessions, claims
  redraw RESULT [flags]             draw its figures again, without training

`spectrax run NAME --help` lists every configuration flag, `spectrax --version` says which version runs. RESULT is a
folder that `run` printed, or an experiment's name for its newest result below ./results."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `spectrax` and `python -m experiments`; exits 0, 1 (a claim fails), 2 (an error), 130 (Ctrl-C)."""
    words = sys.argv[1:] if arguments is None else arguments
    commands = {"list": _list, "run": _run, "predict": _predict, "check": _check, "show": _show, "redraw": _redraw}
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE)
        raise SystemExit(0 if words else 2)
    if words[0] == "--version":
        print(f"spectrax-rmt {spectrax.__version__}")  # of the code that runs, whatever is installed beside it
        raise SystemExit(0)
    if words[0] not in commands:
        _stop(f"a command must be one of {', '.join(commands)}; got {words[0]!r}. See `spectrax --help`.")
    warnings.showwarning = _one_line_warning
    status, hook = 2, sys.unraisablehook
    sys.unraisablehook = functools.partial(_again, hook)
    try:
        check_theory()
        status = commands[words[0]](words[1:])
    except KeyboardInterrupt:
        _stop("interrupted; finished runs are stored. The same command goes on from there.", 130)
    except (ValueError, ImportError, KeyError, OSError) as error:
        message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        _stop(message.splitlines()[0] if message else type(error).__name__)
    except RuntimeError as error:
        _stop(f"{str(error).splitlines()[0].rstrip('.')}. Finished runs are stored.")
    finally:
        sys.unraisablehook = hook
    raise SystemExit(status)


def _list(words):
    _parser("list").parse_args(words)
    width = max(map(len, catalogue()))
    for name, path in catalogue().items():
        print(f"{name:<{width}}  {question(path)}")
    return 0


def _run(words, check=False):
    ready = _configured("check" if check else "run", words)
    if ready is None:
        return 0
    options, path, module, config = ready
    from spectrax import experiment, runner
    from spectrax.reporting import announce, report

    if options.dry_run:
        announce(module, config, options.output)
        return 0
    from spectrax.progress import Progress

    def bar(total, finished):
        return Progress(total, experiment.name_of(module), done=finished, enabled=False if options.quiet else None)

    result = runner.run_experiment(
        module, config, output=options.output, force=options.force, workers=options.threads, progress=bar
    )
    try:
        found = runner.evaluate(module, result)
    except Exception as error:
        trace = [t for t in traceback.extract_tb(error.__traceback__) if t.filename == str(module.__file__)][-1:]
        where = f"line {trace[0].lineno} of {path.name}" if trace else path.name
        raise ValueError(
            f"claims must not raise; {where}: {type(error).__name__}: {error} The result is stored in {result.path}."
        ) from error
    figures = [] if options.no_figures else _draw(module, result)
    report(result, found, figures, smoke=options.smoke)
    return int(check and any(c.verdict == "fails" for c in found))


def _predict(words):
    ready = _configured("predict", words)
    if ready is None:
        return 0
    options, _, module, config = ready
    from spectrax import runner
    from spectrax.reporting import predicted

    predicted(runner.predict(module, config, output=options.output))
    return 0


def _configured(command, words):
    """Options, path, module and configuration of an experiment named by flags; None where only help was asked for."""
    parser = _run_parser(command)
    options, flags = parser.parse_known_args(words)
    if {"--help", "-h"} & set(flags):
        parser.print_help()
        if options.experiment is None:
            return None
        print("\nconfiguration of the experiment:")
    if options.experiment is None:
        raise ValueError(f"{command} must be told which experiment; got none. See `spectrax list`.")
    path = locate(options.experiment)
    _limit_cores(options.threads)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # `module:attribute` is found here, as `python -m` does
    from spectrax import experiment

    module = experiment.load(path)
    return options, path, module, experiment.configure(module, flags, file=options.config, smoke=options.smoke)


def _check(words):
    return _run(words, check=True)


def _show(words):
    parser = _parser("show")
    parser.add_argument("result")
    options = parser.parse_args(words)
    from spectrax.reporting import show

    show(_result_folder(options.result))
    return 0


def _redraw(words):
    parser = _parser("redraw")
    parser.add_argument("result")
    parser.add_argument("--figure", action="append", help="name of a figure; may be given again")
    parser.add_argument("--width", type=float, default=7.0, help="inches: 7 a page, 3.4 a column")
    parser.add_argument("--select", action="append", default=[], metavar="AXIS=VALUE", help="e.g. optimizer=adam")
    parser.add_argument("--output", help="folder for the files; the result's own `figures` otherwise")
    parser.add_argument("--experiment", help="the file to draw with, for a result of your own experiment")
    options = parser.parse_args(words)
    if not 2.0 <= options.width <= 40.0:
        raise ValueError(f"--width must lie between 2 and 40 inches; got {options.width:g}. Use 3.4 for a column.")
    from spectrax import experiment
    from spectrax.reporting import selection
    from spectrax.result import open_result

    result = open_result(_result_folder(options.result))
    own = options.experiment
    module = experiment.load(locate(own) if own else _drawn_by(result.header["experiment"]))
    chosen = result.at(**selection(options.select)) if options.select else result
    for path in _draw(module, chosen, names=options.figure, width=options.width, output=options.output):
        print(path)
    return 0


def _draw(module, result, **options):
    from spectrax import runner

    gc.freeze()  # what is loaded stays: a figure makes so many objects that the collector would go through it again
    try:
        return runner.draw(module, result, **options)
    finally:
        gc.unfreeze()


def _run_parser(command):
    parser = _parser(command, add_help=False)
    parser.add_argument("experiment", nargs="?")
    parser.add_argument("--config", help="TOML or JSON file with configuration fields")
    parser.add_argument("--output", help="result folder; results/<experiment>/<hash> otherwise")
    parser.add_argument("--force", action="store_true", help="discard what the result folder holds of a study")
    parser.add_argument("--threads", type=int, help="cores to use for training and captures")
    parser.add_argument("--dry-run", action="store_true", help="say runs, expected time and memory; run nothing")
    parser.add_argument("--smoke", action="store_true", help="the tiny size that tests run, too small for the claims")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--no-figures", action="store_true", help="claims only")
    return parser


def _parser(command, **options):
    class OneLine(argparse.ArgumentParser):
        def error(self, message):
            raise ValueError(f"`spectrax {command}` must be called as in `spectrax --help`; {message}.")

    return OneLine(prog=f"spectrax {command}", allow_abbrev=False, **options)


def _result_folder(name):
    path = Path(name)
    if (path / "study.json").is_file() or (path.is_dir() and name not in catalogue()):
        return path
    stored = sorted(Path("results", name).glob("*/study.json"), key=lambda p: p.stat().st_mtime)
    if not stored:
        raise ValueError(
            f"a result must be a folder that `run` printed, or an experiment with one below ./results; got {name!r}."
        )
    return stored[-1].parent


def _drawn_by(name):
    # from our own catalogue only: a file that a result names is never run, even where it lies in this folder
    if name not in catalogue():
        raise ValueError(f"a result of your own experiment must be drawn with --experiment FILE.py; it holds {name!r}.")
    return catalogue()[name]


def _limit_cores(threads):
    if threads is None:
        return
    if threads < 1:
        raise ValueError(f"--threads must be at least 1; got {threads}.")
    if hasattr(os, "sched_setaffinity"):
        # XLA sizes its thread pool by the cores that the process may use; it has no other public setting
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _one_line_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


def _again(hook, unraisable):
    """A Ctrl-C that falls into a callback of the collector, such as jax's, is lost there: it is sent once more."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        return hook(unraisable)
    again = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _stop(message, status=2):
    print(f"spectrax: {message}", file=sys.stderr)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
