"""Training: each step is optax's to the last bit, and no chunking, mapping or compilation changes a run."""

from dataclasses import replace

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from training_cases import OPTIMIZERS, PAPER, SMALL, assert_same_bits, begin, problem

from spectrax import keys, training
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import GD, SGD, Adam
from spectrax.tasks import SingleIndex, mean_squared_error

PLAIN = {
    "gd": optax.sgd,
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "gd_schedule": lambda rate: optax.sgd(lambda step: rate * jnp.float32(0.6) ** jnp.floor_divide(step, 2)),
    "sgd": lambda rate: optax.sgd(rate, momentum=0.5),
    "adam": optax.adam,
    "adam_decay": lambda rate: optax.chain(optax.add_decayed_weights(0.01), optax.adam(rate)),
    "optax_factory": optax.rmsprop,
}


@pytest.fixture(scope="module")
def small():
    return problem(SMALL)


def plain_optax(case, factory, rate, steps, batch=None):
    """Weights after each step of a bare jitted optax loop on a hand-written network; no code of ours but the order."""
    _, params, rest, train = case
    h, d = params["W"].shape
    readout = rest["readout"]
    order_key = keys.stream(0, "shuffle")

    @jax.jit
    def step(w, opt_state, x, y, rate):
        def loss(w):
            return jnp.mean((jnp.tanh(x @ w.T * d**-0.5) @ readout * h**-0.5 - y) ** 2)

        update, opt_state = factory(rate).update(jax.grad(loss)(w), opt_state, w)
        return optax.apply_updates(w, update), opt_state

    w, opt_state, n = params["W"], factory(1.0).init(params["W"]), train.x.shape[0]
    for t in range(steps):
        x, y = train
        if batch is not None:
            epoch, position = divmod(t, n // batch)
            picked = jax.random.permutation(jax.random.fold_in(order_key, epoch), n)[position * batch:][:batch]
            x, y = x[picked], y[picked]
        w, opt_state = step(w, opt_state, x, y, jnp.float32(rate))
        yield w


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_equals_plain_optax_to_the_last_bit(small, name):
    optimizer = OPTIMIZERS[name]
    program, state = begin(small, optimizer)
    rate = 30.0 if "gd" in name or name == "momentum" else 0.05
    for w in plain_optax(small, PLAIN[name], rate, steps=5, batch=program.batch):
        state = training.advance(state, rate, small[-1], 1, program=program)
        np.testing.assert_array_equal(state.params["W"], w)


@pytest.mark.parametrize(("name", "rate"), [("gd", 1000.0), ("adam", 0.1)])
def test_one_step_equals_plain_optax_to_the_last_bit_at_the_size_of_the_paper(name, rate):
    case = problem(PAPER)
    program, state = begin(case, OPTIMIZERS[name])
    (w,) = plain_optax(case, PLAIN[name], rate, steps=1)
    np.testing.assert_array_equal(training.advance(state, rate, case[-1], 1, program=program).params["W"], w)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_in_chunks_equals_the_whole_run_to_the_last_bit(small, name):
    program, first = begin(small, OPTIMIZERS[name])
    whole = training.advance(first, 0.05, small[-1], 11, program=program)
    state = first
    for count in (1, 0, 3, 2, 5):
        state = training.advance(state, 0.05, small[-1], count, program=program)
    assert_same_bits(state, whole)
    assert int(state.step) == 11


def test_no_step_changes_nothing(small):
    program, first = begin(small, Adam())
    assert_same_bits(training.advance(first, 0.1, small[-1], 0, program=program), first)


def orders(case, optimizer, seed, steps):
    program, state = begin(case, optimizer)
    state = state._replace(key=keys.stream(seed, "shuffle"))
    for _ in range(steps):
        state = training.advance(state, 0.1, case[-1], 1, program=program)
        yield np.asarray(state.order)


def test_the_order_of_minibatches_is_a_seeded_permutation_of_each_epoch(small):
    n, per_epoch = SMALL[0], SMALL[0] // 64     # three batches of 64; the rest of 8 is dropped
    found = list(orders(small, SGD(batch=64), 1, 3 * per_epoch))
    for order in found:
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    epochs = [np.stack(found[i:i + per_epoch]) for i in range(0, len(found), per_epoch)]
    for epoch in epochs:
        np.testing.assert_array_equal(epoch, np.broadcast_to(epoch[0], epoch.shape))
    assert len({tuple(epoch[0]) for epoch in epochs}) == 3
    np.testing.assert_array_equal(list(orders(small, SGD(batch=64), 1, 2)), found[:2])
    assert not np.array_equal(next(orders(small, SGD(batch=64), 2, 1)), found[0])


def test_a_minibatch_of_all_samples_is_full_batch_up_to_the_order_of_the_sum(small):
    ends = []
    for optimizer in (GD(), SGD(batch=SMALL[0])):
        program, state = begin(small, optimizer)
        ends.append(np.asarray(training.advance(state, 30.0, small[-1], 3, program=program).params["W"]))
    # permuted float32 sums over 200 samples: sqrt(200) * 6e-8 of a step of order 1
    np.testing.assert_allclose(*ends, atol=5e-6)
    assert not np.array_equal(ends[0], np.asarray(small[1]["W"]))


class Compilations:
    """Counts the compilations of functions whose name holds `name`, while it is entered."""

    def __init__(self, name):
        self.name, self.count = name, 0

    def __call__(self, event: str, duration_secs: float, **facts):
        self.count += event.endswith("backend_compile_duration") and self.name in str(facts.get("fun_name", ""))

    def __enter__(self):
        jax.monitoring.register_event_duration_secs_listener(self)
        return self

    def __exit__(self, *_):
        jax.monitoring.unregister_event_duration_listener(self)


@pytest.mark.parametrize("name", ["gd", "sgd", "adam"])
def test_one_compilation_serves_all_rates_replicates_and_gaps(name):
    sizes = (40, 20, 30)
    cases = [problem(sizes, replicate) for replicate in range(2)]
    network, traces = cases[0][0], []

    def loss(output, batch):
        traces.append(output.shape)
        return mean_squared_error(output, batch)

    optimizer = replace(OPTIMIZERS[name], batch=8) if name == "sgd" else OPTIMIZERS[name]
    rates = (1, 0.5, np.float64(0.3), np.float32(0.2), np.int64(2), jnp.float32(0.1), jnp.asarray(3))
    with Compilations("_advance") as seen:
        for case in cases:
            program, first = begin((network, *case[1:]), optimizer, loss=loss)
            for rate in rates:
                state = first
                for gap in (0, 1, np.int64(3), np.int32(2), jnp.int32(5), True):
                    state = training.advance(state, rate, case[-1], gap, program=program)
    assert seen.count == 1
    assert len(traces) <= 2     # a loop's body may be traced twice for one compilation, never once per rate


def test_settings_equal_by_value_share_a_compilation(small):
    with Compilations("_advance") as seen:
        for optimizer in (Adam(b1=0.77), Adam(b1=0.77)):
            program, state = begin(small, optimizer)
            training.advance(state, 0.1, small[-1], 1, program=program)
    assert seen.count == 1


def test_recorded_losses_are_those_of_the_weights_of_each_step(small):
    network, params, rest, train = small
    program, state = begin(small, GD(), trace=6)
    expected = []
    for _ in range(4):
        expected.append(float(jnp.mean((network.apply(state.params, rest, train.x)[0] - train.y) ** 2)))
        state = training.advance(state, 20.0, train, 1, program=program)
    # one float32 mean over 200 samples in two programs
    np.testing.assert_allclose(state.losses[:4], expected, rtol=1e-6)
    assert np.isnan(state.losses[4:]).all()
    assert state.losses[3] < state.losses[0]
    assert params is small[1]


def test_a_frozen_readout_never_moves_and_a_trained_one_does():
    data = SingleIndex(60, 20, test_samples=1).draw(keys.stream(0, "data"))
    for trained in (False, True):
        network = Network.of(lambda rngs, t=trained: TwoLayer(20, 30, rngs=rngs, train_readout=t), data.train.x)
        case = (network, *network.init(keys.stream(0, "init")), data.train)
        program, state = begin(case, GD())
        after = training.advance(state, 1.0, data.train, 5, program=program)
        where = "params" if trained else "rest"
        moved = not np.array_equal(getattr(after, where)["readout"], getattr(state, where)["readout"])
        assert moved is trained
        assert not np.array_equal(after.params["W"], state.params["W"])


def test_projection_acts_after_each_step(small):
    def unit_rows(params):
        return {"W": params["W"] / jnp.linalg.norm(params["W"], axis=1, keepdims=True)}

    program, state = begin(small, GD(), project=unit_rows)
    free, _ = begin(small, GD())
    by_hand = state
    for _ in range(3):
        by_hand = training.advance(by_hand, 5.0, small[-1], 1, program=free)
        by_hand = by_hand._replace(params=unit_rows(by_hand.params))
    after = training.advance(state, 5.0, small[-1], 3, program=program)
    np.testing.assert_allclose(np.linalg.norm(after.params["W"], axis=1), 1.0, rtol=1e-6)  # float32 division
    np.testing.assert_allclose(after.params["W"], by_hand.params["W"], atol=1e-6)  # the same, in other programs


def test_a_run_with_weights_or_loss_beyond_float32_is_not_finite():
    case = problem((50, 20, 30), activation=jax.nn.relu)
    program, state = begin(case, GD())
    assert bool(training.is_finite(state))
    assert bool(training.is_finite(training.advance(state, 0.1, case[-1], 5, program=program)))
    assert not bool(training.is_finite(training.advance(state, 1e30, case[-1], 5, program=program)))
    # a loss that overflowed once counts although the weights are finite; a step not yet taken doesn't
    overflowed = state._replace(step=jnp.int32(3), losses=state.losses.at[:3].set(jnp.asarray([1.0, jnp.inf, 2.0])))
    assert not bool(training.is_finite(overflowed))
    assert bool(training.is_finite(overflowed._replace(step=jnp.int32(1))))


def test_a_minibatch_larger_than_the_train_set_is_refused(small):
    with pytest.raises(ValueError, match="batch must not exceed the number of samples; got 201 of 200"):
        begin(small, SGD(batch=201))


def test_rates_are_returned_as_floats_in_the_order_given():
    assert training.check_rates((np.float32(0.5), 3, 1e-3)) == (0.5, 3.0, 1e-3)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((), "must name at least one rate"),
        ((0.1, 0.0), "positive and finite; got 0.0"),
        ((-0.1,), "positive and finite; got -0.1"),
        ((float("nan"),), "positive and finite; got nan"),
        ((float("inf"),), "positive and finite; got inf"),
        ((-float("inf"),), "positive and finite; got -inf"),
        ((1e39,), "must be a normal float32; got 1e\\+39"),
        ((1e-40,), "must be a normal float32; got 1e-40"),
        ((0.1, 1.0, 0.1), "must be distinct; got"),
    ],
)
def test_bad_rates_are_refused_in_one_line(rates, message):
    with pytest.raises(ValueError, match=message) as caught:
        training.check_rates(rates)
    assert "\n" not in str(caught.value)
