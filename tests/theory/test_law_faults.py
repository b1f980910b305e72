"""The suite notices a fault of one millionth in every law of the package: a moved edge, a wrong mass, a prefactor."""

import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest

import theory
from theory import Law, testing

EPS = 1e-6


def _classes():
    found = {}
    for module in pkgutil.walk_packages(theory.__path__, "theory."):
        for name, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, Law) and not inspect.isabstract(cls) and cls.__module__ == module.name:
                found[name] = cls
    return found


def _with(law, **members):
    """A copy of `law` whose class overrides some members."""
    broken = object.__new__(type("Broken", (type(law),), members))
    broken.__dict__.update(law.__dict__)
    return broken


def _moved(law, band, end):
    """Bands with one end moved outwards by a millionth of its band's width; None where that end is infinite."""
    low, high = law.bands[band]
    if math.isinf((low, high)[end]):
        return None
    move = EPS * (law.window[band][1] - law.window[band][0])
    bands = list(law.bands)
    bands[band] = (low - move, high) if end == 0 else (low, high + move)
    return tuple(bands)


def _faults():
    for name, cls in _classes().items():
        law = cls.examples()[0]
        if law.bands:
            yield name, law, "prefactor", {"pdf": lambda self, x, cls=cls: np.asarray(cls.pdf(self, x)) * (1 + EPS)}
        with_atoms = next((example for example in cls.examples() if example.atoms), None)
        if with_atoms:
            low, high = testing._span(with_atoms)
            lighter = tuple((x, mass * (1 - EPS)) for x, mass in with_atoms.atoms)
            moved = tuple((x + EPS * (high - low), mass) for x, mass in with_atoms.atoms)
            yield name, with_atoms, "atoms' masses", {"atoms": property(lambda self, a=lighter: a)}
            yield name, with_atoms, "atoms' places", {"atoms": property(lambda self, a=moved: a)}
        for band, end in ((0, 0), (-1, 1)):
            bands = _moved(law, band, end) if law.bands else None
            if bands:
                members = {"bands": property(lambda self, b=bands: b), "window": property(lambda self, b=bands: b)}
                yield name, law, ("lower edge", "upper edge")[end], members


CASES = {f"{name}: {what}": (law, members) for name, law, what, members in _faults()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_suite_notices_a_fault_of_one_millionth(case):
    law, members = case
    with pytest.raises(AssertionError, match=r"."):
        testing.check(_with(law, **members))


@pytest.mark.parametrize("cls", _classes().values(), ids=_classes())
def test_a_copy_without_a_fault_passes(cls):
    testing.check(_with(cls.examples()[0]))
