"""Optimizers: their update rules against NumPy, their names, their refusals. Equality with optax: test_training."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spectrax import optimizers
from spectrax.optimizers import GD, SGD, Adam, StepDecay

RATE = np.float32(0.1)
# a handful of float32 operations on numbers of order 1
ROUNDING = 2e-6


def path_of(factory, gradients, start):
    """Weights after each step of an optax transformation under given gradients."""
    transformation = factory(RATE)
    w, found = jnp.asarray(start, jnp.float32), []
    state = transformation.init(w)
    for gradient in gradients:
        update, state = transformation.update(jnp.asarray(gradient, jnp.float32), state, w)
        w = optax.apply_updates(w, update)
        found.append(np.asarray(w, np.float64))
    return np.stack(found)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 7)), rng.standard_normal(7)


def test_gradient_descent_follows_its_formula(case):
    gradients, w = case
    expected = []
    for g in gradients:
        w = w - RATE * g
        expected.append(w)
    np.testing.assert_allclose(path_of(GD(), gradients, case[1]), expected, rtol=ROUNDING, atol=ROUNDING)


def test_momentum_is_heavy_ball_without_dampening(case):
    gradients, w = case
    velocity, expected = np.zeros(7), []
    for g in gradients:
        velocity = 0.9 * velocity + g
        w = w - RATE * velocity
        expected.append(w)
    np.testing.assert_allclose(path_of(GD(momentum=0.9), gradients, case[1]), expected, rtol=ROUNDING, atol=ROUNDING)


def adam_by_hand(gradients, w, decay=0.0, factors=None):
    m, v, expected = np.zeros(7), np.zeros(7), []
    for t, g in enumerate(gradients, start=1):
        g = g + decay * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        factor = 1.0 if factors is None else factors[t - 1]
        w = w - RATE * factor * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(w)
    return np.stack(expected)


def test_adam_follows_its_formula_with_bias_correction(case):
    # 1 - .999^t is taken in float32: relative error 6e-8 / (1e-3 t)
    np.testing.assert_allclose(path_of(Adam(), *case), adam_by_hand(*case), rtol=1e-4, atol=1e-5)


def test_weight_decay_is_added_to_the_gradient(case):
    gradients, start = case
    w, expected = start, []
    for g in gradients:
        w = w - RATE * (g + 0.05 * w)
        expected.append(w)
    np.testing.assert_allclose(path_of(GD(weight_decay=0.05), gradients, start), expected, rtol=ROUNDING, atol=ROUNDING)
    found = path_of(Adam(weight_decay=0.05), *case)
    np.testing.assert_allclose(found, adam_by_hand(*case, decay=0.05), rtol=1e-4, atol=1e-5)    # as above


def test_a_schedule_multiplies_the_rate(case):
    factors = [0.6 ** (t // 2) for t in range(4)]
    found = path_of(Adam(schedule=StepDecay(every=2, factor=0.6)), *case)
    np.testing.assert_allclose(found, adam_by_hand(*case, factors=factors), rtol=1e-4, atol=1e-5)


def test_the_first_step_of_adam_is_the_sign_of_the_gradient():
    gradient = np.array([3.0, -1e-3, 40.0, -0.2])
    step = path_of(Adam(), [gradient], np.zeros(4))[0]
    # g / (|g| + 1e-8) with |g| >= 1e-3: off the sign by 1e-5
    np.testing.assert_allclose(step, -RATE * np.sign(gradient), rtol=2e-5)


def test_step_decay_falls_by_its_factor_every_so_many_steps():
    decay = StepDecay(every=3, factor=0.5)
    assert [float(decay(t)) for t in range(7)] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("optimizer", [GD(), SGD(batch=5), Adam(), Adam(b1=0.8, schedule=StepDecay())])
def test_equal_settings_are_equal_and_hash_alike(optimizer):
    twin = type(optimizer)(**vars(optimizer))
    assert twin == optimizer
    assert hash(twin) == hash(optimizer)


def test_gradient_descent_and_its_minibatch_form_are_told_apart():
    assert GD() != SGD()
    assert Adam() != Adam(batch=10)


def test_names_give_the_optimizers():
    assert optimizers.named("gd") == GD()
    assert optimizers.named("sgd") == SGD()
    assert optimizers.named("adam") == Adam()
    assert optimizers.named("optax:lion") is optax.lion


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.named("adm"), "got 'adm'. Did you mean 'adam'"),
        (lambda: optimizers.named("zzz"), "must be one of gd, sgd, adam, rmsprop, .* or module:attribute; got 'zzz'"),
        (lambda: optimizers.named("optax:nothing"), "must be an importable module:attribute; got 'optax:nothing'"),
        (lambda: optimizers.named("nowhere_at_all:x"), "must be an importable module:attribute"),
        (lambda: optimizers.named(":x"), "must be an importable module:attribute"),
        (lambda: optimizers.named("optax:__name__"), "must be callable"),
        (lambda: GD(momentum=1.0), "momentum must lie in"),
        (lambda: GD(momentum=float("nan")), "momentum must lie in"),
        (lambda: GD(weight_decay=-1e-3), "weight_decay must be finite and not negative"),
        (lambda: GD(weight_decay=float("inf")), "weight_decay must be finite and not negative"),
        (lambda: SGD(batch=0), "batch must be an integer of at least 1; got 0"),
        (lambda: SGD(batch=1.5), "batch must be an integer of at least 1; got 1.5"),  # type: ignore[arg-type]
        (lambda: SGD(batch=True), "batch must be an integer of at least 1; got True"),
        (lambda: SGD(momentum=-0.1), "momentum must lie in"),
        (lambda: Adam(b1=1.0), "b1 must lie in"),
        (lambda: Adam(b2=-0.1), "b2 must lie in"),
        (lambda: Adam(eps=-1e-9), "eps must be finite and not negative"),
        (lambda: Adam(eps=float("inf")), "eps must be finite and not negative"),
        (lambda: Adam(eps=float("nan")), "eps must be finite and not negative"),
        (lambda: Adam(batch=-3), "batch must be an integer of at least 1"),
        (lambda: Adam(weight_decay=-1.0), "weight_decay must be finite and not negative"),
        (lambda: StepDecay(every=0), "every must be at least 1"),
        (lambda: StepDecay(factor=0.0), "factor in"),
        (lambda: StepDecay(factor=1.1), "factor in"),
    ],
)
def test_bad_settings_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def first_steps(optimizer, steps=3, rate=0.5):
    """Updates of one matrix along a fixed sequence of gradients."""
    rng = np.random.default_rng(0)
    transformation, weights = optimizer(rate), {"W": jnp.zeros((6, 4))}
    state, updates = transformation.init(weights), []
    for _ in range(steps):
        gradient = {"W": jnp.asarray(rng.standard_normal((6, 4)), jnp.float32)}
        update, state = transformation.update(gradient, state, weights)
        updates.append(np.asarray(update["W"]))
    return updates


@pytest.mark.parametrize("name", ["normalised_gd", "muon", "sign"])
def test_a_matched_update_has_root_mean_square_equal_to_the_rate_at_every_step(name):
    for update in first_steps(optimizers.named(name)):
        assert np.sqrt(np.mean(update**2)) == pytest.approx(0.5, rel=1e-6)  # float32


def test_matching_keeps_the_direction_and_a_zero_update():
    for matched, plain in zip(first_steps(optimizers.Matched(Adam())), first_steps(Adam(), rate=1.0), strict=True):
        assert np.allclose(matched * np.linalg.norm(plain), plain * np.linalg.norm(matched), rtol=1e-5)
    still = optimizers.Matched(GD())(1.0)
    assert not np.any(still.update(jnp.zeros(3), still.init(jnp.zeros(3)), jnp.zeros(3))[0])


def test_a_grafted_update_has_one_direction_and_the_other_length():
    grafted = first_steps(optimizers.Matched(GD(), length=Adam()))
    for update, along, ahead in zip(grafted, first_steps(Adam()), first_steps(GD()), strict=True):
        assert np.linalg.norm(update) == pytest.approx(np.linalg.norm(along), rel=1e-6)
        assert np.allclose(update * np.linalg.norm(ahead), ahead * np.linalg.norm(update), rtol=1e-5)


def test_rmsprop_divides_by_the_running_mean_square():
    rng, square = np.random.default_rng(0), np.zeros((6, 4))
    for update in first_steps(optimizers.RMSprop()):
        gradient = rng.standard_normal((6, 4))
        square = 0.9 * square + 0.1 * gradient**2
        assert np.allclose(update, -0.5 * gradient / np.sqrt(square), rtol=1e-5)


def test_a_muon_update_is_nearly_orthogonal():
    for update in first_steps(optimizers.Muon(), rate=1.0):
        s = np.linalg.svd(update, compute_uv=False)
        assert s[-1] / s[0] > 0.5  # Newton-Schulz: .7 ... 1.2 each; the gradients' own ratio is below .3


def test_adam_without_averages_is_sign_descent():
    for a, b in zip(first_steps(Adam(b1=0.0, b2=0.0, eps=0.0)), first_steps(optimizers.SignDescent()), strict=True):
        assert np.allclose(a, b, rtol=1e-6)


def test_a_name_with_a_number_asks_for_minibatches():
    assert optimizers.named("gd@20") == optimizers.named("sgd@20") == SGD(batch=20)
    assert optimizers.named("adam@20") == Adam(batch=20)
    assert optimizers.named("normalised_gd@20").batch == 20
    assert optimizers.named("sign@20").batch == 20
    for name, words in (("muon@20", "minibatches must be of"), ("adam@x", "as in adam@100"), ("adm@20", "'adam'")):
        with pytest.raises(ValueError, match=words):
            optimizers.named(name)
