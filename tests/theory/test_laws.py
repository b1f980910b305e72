"""Every law of the package passes the installed suite, and the suite notices faults of 1e-6."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass

import numpy as np
import pytest

import theory
from theory import Law, MarchenkoPastur, Semicircle, TracyWidom, testing
from theory.law import elementwise


def _laws() -> list[Law]:
    found = []
    for module in pkgutil.walk_packages(theory.__path__, "theory."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, Law) and not inspect.isabstract(cls) and cls.__module__ == module.name:
                found += cls.examples()
    return found


@dataclass(frozen=True)
class Arcsine(Law):
    """Hard edges on both sides; states nothing but the density."""

    @property
    def bands(self):
        return ((-1.0, 1.0),)

    @elementwise
    def pdf(self, x):
        inside = np.clip(x, -1, 1)
        return np.where(np.abs(x) > 1, 0.0, 1 / (np.pi * np.sqrt((1 - inside) * (1 + inside))))

    @classmethod
    def examples(cls):
        return [cls()]


@dataclass(frozen=True)
class TwoBands(Law):
    """Two bands, one atom inside the first and one in the gap."""

    @property
    def bands(self):
        return ((-1.0, 1.0), (2.0, 5.0))

    @property
    def atoms(self):
        return ((0.3, 0.25), (1.5, 0.25))

    @elementwise
    def pdf(self, x):
        first = 0.1875 * np.maximum(1 - x**2, 0)
        return np.where((x >= 2) & (x <= 5), 0.25 / 3, first)

    @classmethod
    def examples(cls):
        return [cls()]


@pytest.mark.parametrize("law", _laws(), ids=repr)
def test_every_law_of_the_package_passes_the_suite(law):
    testing.check(law)


@pytest.mark.parametrize("law", {type(law): law for law in _laws()}.values(), ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("n", [2.5, 0, np.nan, "ten"])
def test_every_law_refuses_to_draw_a_part_of_a_matrix(law, n):
    with pytest.raises(ValueError, match=r"must be a whole number of at least 1; got .*pass n >= 1"):
        law.sample_matrix(n, np.random.default_rng(0))


@pytest.mark.parametrize("argument", ["a", None, 1 + 1j, [[1.0], [1.0, 2.0]]], ids=str)
@pytest.mark.parametrize("name", ["pdf", "cdf", "sf", "quantile"])
def test_what_is_no_real_number_is_refused(name, argument):
    with pytest.raises(ValueError, match=r"^argument of a law must be real numbers; got .*; pass a number"):
        getattr(MarchenkoPastur(0.5), name)(argument)


def test_the_search_finds_all_laws():
    assert {type(law).__name__ for law in _laws()} >= {"MarchenkoPastur", "Semicircle", "SingularValues", "TracyWidom"}


@pytest.mark.parametrize("law", [Arcsine(), TwoBands()], ids=repr)
def test_a_law_that_states_only_its_density_passes_the_suite(law):
    testing.check(law)


def test_defaults_of_the_arcsine_law_agree_with_its_closed_forms():
    law, x = Arcsine(), np.linspace(-0.99, 0.99, 21)
    # 1e-12: rounding of x next to the hard edges, 1e-16/t^2 at the outermost node t = .02, is the largest error
    assert law.cdf(x) == pytest.approx(0.5 + np.arcsin(x) / np.pi, abs=1e-12)
    assert law.quantile(law.cdf(x)) == pytest.approx(x, abs=1e-12)
    z = np.array([0.3 + 1e-3j, -2 + 1j, 0.5 - 0.2j])
    assert law.stieltjes(z) == pytest.approx(-1 / (np.sqrt(z - 1) * np.sqrt(z + 1)), rel=1e-11)
    assert law.moment(4) == pytest.approx(3 / 8, rel=1e-12)


def test_a_nearly_closed_gap_costs_no_digits_in_the_defaults():
    @dataclass(frozen=True)
    class Cusp(Law):
        def _root(self, x):
            return np.cbrt(np.abs(x) + 1e-9)

        @property
        def bands(self):
            return ((-1.0, 1.0),)

        @elementwise
        def pdf(self, x):
            norm = 1.5 * ((1 + 1e-9) ** (4 / 3) - 1e-12)
            return np.where(np.abs(x) > 1, 0.0, self._root(x) / norm)

        @classmethod
        def examples(cls):
            return [cls()]

    # 1e-12: 54 halvings resolve the kink to rounding; some hundred panels add up their errors of 1e-15
    assert Cusp().cdf(np.array([0.0, 1.0 - 1e-15])) == pytest.approx([0.5, 1.0], abs=1e-12)


EPS = 1e-6


def _times(factor):
    return lambda original: lambda self, *args: original(self, *args) * factor


def _bands(low, high):
    return property(lambda self: tuple((a * low, b * high) for a, b in MarchenkoPastur.bands.fget(self)))


FAULTS = {
    "lower edge up": {"bands": _bands(1 + EPS, 1)},
    "lower edge down": {"bands": _bands(1 - EPS, 1)},
    "upper edge up": {"bands": _bands(1, 1 + EPS)},
    "upper edge down": {"bands": _bands(1, 1 - EPS)},
    "atom's mass": {"atoms": property(lambda self: ((0.0, (1 - 1 / self.ratio) * (1 + EPS)),))},
    "atom's place": {"atoms": property(lambda self: ((EPS, 1 - 1 / self.ratio),))},
    "no atom": {"atoms": property(lambda self: ())},
    "prefactor": {"pdf": _times(1 + EPS)(MarchenkoPastur.pdf)},
    "cdf": {"cdf": _times(1 - EPS)(MarchenkoPastur.cdf)},
    "cdf moved": {"cdf": lambda self, x: MarchenkoPastur.cdf(self, np.asarray(x) + EPS)},
    "sf": {"sf": _times(1 - EPS)(MarchenkoPastur.sf)},
    "logsf": {"logsf": _times(1 + EPS)(MarchenkoPastur.logsf)},
    "quantile": {"quantile": _times(1 + EPS)(MarchenkoPastur.quantile)},
    "moment": {"moment": _times(1 + EPS)(MarchenkoPastur.moment)},
    "std": {"std": property(lambda self: MarchenkoPastur.std.fget(self) * (1 + EPS))},
    "stieltjes": {"stieltjes": _times(1 + EPS)(MarchenkoPastur.stieltjes)},
    "free cumulant": {"free_cumulant": _times(1 + EPS)(MarchenkoPastur.free_cumulant)},
    "scale": {"scaled": lambda self, s: MarchenkoPastur.scaled(self, s * (1 + EPS))},
    "matrix": {"sample_matrix": lambda self, n, rng: 1.1 * MarchenkoPastur.sample_matrix(self, n, rng)},
    "matrix not symmetric": {"sample_matrix": lambda self, n, rng: rng.standard_normal((n, n))},
    "wrong branch": {"stieltjes": lambda self, z: np.conj(MarchenkoPastur.stieltjes(self, z))},
    "nan at infinity": {"pdf": lambda self, x: MarchenkoPastur.pdf(self, x) + 0 * np.asarray(x)},
    "nan to zero": {"cdf": lambda self, x: np.nan_to_num(MarchenkoPastur.cdf(self, x))},
    "shape lost": {"pdf": lambda self, x: np.ravel(MarchenkoPastur.pdf(self, x))},
    "draws doubled": {"sample": lambda self, n, rng: 2 * MarchenkoPastur.sample(self, n, rng)},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_suite_notices_a_fault_of_one_millionth(fault):
    broken = type("Broken", (MarchenkoPastur,), fault)(3.0)
    with pytest.raises(AssertionError, match="Broken"), np.errstate(all="ignore"):
        testing.check(broken)


def test_laws_are_values():
    assert MarchenkoPastur(0.5) == MarchenkoPastur(0.5, 1.0) != MarchenkoPastur(0.5, 2.0)
    assert len({Semicircle(1), Semicircle(1.0), TracyWidom(1)}) == 2
    assert repr(MarchenkoPastur(0.5)) == "MarchenkoPastur(ratio=0.5, variance=1.0)"
    with pytest.raises(AttributeError):
        MarchenkoPastur(0.5).ratio = 2.0  # type: ignore[misc]


def test_sampling_is_fixed_by_the_generator():
    first, second = (MarchenkoPastur(2.0).sample(50, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    with pytest.raises(ValueError, match="number of draws must be a whole number"):
        Semicircle().sample(0, np.random.default_rng(0))


@pytest.mark.parametrize("law", {type(law): law for law in _laws()}.values(), ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("argument", ["a", None, 1j, np.nan, np.inf, [1.0, 2.0], np.array([[1.0, 2.0]])], ids=str)
def test_every_law_refuses_to_be_scaled_or_shifted_by_what_is_no_number(law, argument):
    with pytest.raises(ValueError, match=r"^factor must be one finite number; got .*; pass a non-zero number$"):
        law.scaled(argument)
    with pytest.raises(ValueError, match=r"^offset must be one finite number; got .*; pass a number$"):
        law.shifted(argument)


@pytest.mark.parametrize("law", {type(law): law for law in _laws()}.values(), ids=lambda law: type(law).__name__)
def test_every_law_refuses_to_be_scaled_by_0_or_past_the_largest_double(law):
    with pytest.raises(ValueError, match=r"^factor must not be 0; got 0; a constant is PointMasses"):
        law.scaled(0.0)
    with pytest.raises(ValueError, match="; got "):
        law.scaled(1e300).scaled(1e300)
