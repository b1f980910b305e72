"""Captures: what each measures, against NumPy on one small network and its next state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spectrax import captures, keys, phase, training
from spectrax import tails as power_law
from spectrax.captures import Capture, Moment
from spectrax.kernels import stability_edge
from spectrax.matrices import views
from spectrax.models import MLP, Network, TwoLayer
from spectrax.optimizers import Adam
from spectrax.outliers import find_outliers
from spectrax.readout import ridge_readout
from spectrax.spectrum import Spectrum
from spectrax.tasks import SingleIndex
from spectrax.training import Program

N, D, H = 80, 30, 40
# float64 singular values and vectors by two routes: SVD, and Gram matrix with eigh, at condition number 8
ALGEBRA = 1e-10
EVERY = [
    captures.spectrum(), captures.leading_vectors(), captures.overlaps(), captures.update(), captures.losses(),
    captures.readout(), captures.readout(conventions=("paper", "authors")), captures.stability(), captures.outliers(),
    captures.outliers(initial_variance=1.0), captures.tails(), captures.tails(authors=True, bootstrap=3),
    captures.vector_overlaps(blocks=6, corner=4, profiles=3),
    captures.tails(alternatives=("bulk_and_spikes", "high_temperature")),
]


def moment_of(model, inputs=D, steps=1, readout=None, leading=5):
    """A moment after some steps of Adam, with the state one step later."""
    data = SingleIndex(N, inputs, test_samples=50).draw(keys.stream(0, "data"))
    network = Network.of(model, data.train.x)
    params, rest = network.init(keys.stream(0, "init"))
    program = Program(network, Adam())
    state = training.start(params, rest, program=program, samples=N, trace=steps + 1, key=keys.stream(0, "shuffle"))
    states = [state := training.advance(state, 0.3, data.train, count, program=program) for count in (steps, 1)]
    if readout is not None:
        states = [s._replace(rest={"readout": jnp.asarray(readout, jnp.float32)}) for s in states]
    return Moment(states[0], data, program, views(params), after=states[1], leading=leading)


@pytest.fixture(scope="module")
def moment():
    return moment_of(lambda rngs: TwoLayer(D, H, rngs=rngs))


@pytest.fixture(scope="module")
def weights(moment):
    """W, W one step later, readout, teacher; float64."""
    w, after = (np.asarray(s.params["W"], np.float64) for s in (moment.state, moment.after))
    readout, teacher = moment.state.rest["readout"], moment.data.directions["teacher"]
    return w, after, np.asarray(readout, np.float64), np.asarray(teacher, np.float64)


def take(capture, moment):
    return capture.fn(moment, moment.views[0]) if capture.per_matrix else capture.fn(moment)


@pytest.mark.parametrize("capture", EVERY, ids=lambda c: c.name)
def test_a_capture_returns_what_its_schema_says(moment, capture):
    found = take(capture, moment)
    assert list(found) == list(capture.schema)
    sizes = {"rank": D, "row": H, "col": D, "vector": 5, "update_vector": 5, "direction": 2}
    if capture.name == "vector_overlaps":
        sizes |= {"weight_block": 6, "update_block": 6, "weight_vector": 4, "update_vector": 4, "profile_vector": 3,
                  "weight_rank": D, "update_rank": D}
    for name, value in found.items():
        assert np.shape(value) == tuple(sizes[dim] for dim in capture.schema[name]), name
        assert np.asarray(value).dtype.kind in "fbi", name


def test_every_capture_of_the_package_is_tested():
    factories = {name for name in captures.__all__ if name not in ("Capture", "Moment")}
    assert factories == {c.name for c in EVERY}


@pytest.mark.parametrize("shape", [(40, 30), (20, 30)])
def test_the_spectrum_is_that_of_the_singular_values(shape):
    moment = moment_of(lambda rngs: TwoLayer(shape[1], shape[0], rngs=rngs))
    s = np.linalg.svd(np.asarray(moment.state.params["W"], np.float64), compute_uv=False)
    found = take(captures.spectrum(), moment)
    np.testing.assert_allclose(found["eigenvalues"], s[::-1] ** 2, rtol=ALGEBRA)
    assert found["eigenvalues"].dtype == np.float64
    assert found["squared_norm"] == pytest.approx(np.sum(s**2), rel=ALGEBRA)
    assert found["stable_rank"] == pytest.approx(np.sum(s**2) / s[0] ** 2, rel=ALGEBRA)
    p = s / s.sum()
    assert found["effective_rank"] == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=ALGEBRA)


def test_leading_vectors_are_the_singular_vectors_up_to_sign(moment, weights):
    u, _, vt = np.linalg.svd(weights[0], full_matrices=False)
    found = take(captures.leading_vectors(), moment)
    for name, expected in (("left_vectors", u[:, :5]), ("right_vectors", vt[:5].T)):
        assert found[name].dtype == np.float32
        signs = np.sign(np.sum(found[name] * expected, axis=0))
        np.testing.assert_allclose(found[name] * signs, expected, atol=1e-6)    # float32, neighbours 1 % apart
    # u and v of one singular value belong together: their signs are free only jointly
    pairs = np.einsum("ik,ij,jk->k", found["left_vectors"], weights[0], found["right_vectors"])
    assert (pairs > 0).all()


def test_overlaps_are_those_of_the_singular_vectors_with_teacher_and_readout(moment, weights):
    w, _, readout, teacher = weights
    u, _, vt = np.linalg.svd(w, full_matrices=False)
    found = take(captures.overlaps(), moment)
    expected = {"teacher_overlap": vt[:5] @ teacher, "readout_overlap": readout @ u[:, :5] / np.linalg.norm(readout),
                "readout_sign_overlap": np.sign(readout) @ u[:, :5] / np.sqrt(H)}
    for name, overlap in expected.items():
        np.testing.assert_allclose(found[name], np.abs(overlap), atol=ALGEBRA, err_msg=name)


def test_the_projection_is_on_the_span_of_the_readout_and_its_signs(moment, weights):
    w, _, readout, _ = weights
    found = take(captures.overlaps(), moment)["projection"]
    np.testing.assert_allclose(found[:, 0], w.T @ np.sign(readout) / np.sqrt(H), rtol=ALGEBRA, atol=ALGEBRA)
    # W^T U with orthonormal U: its Gram matrix is that of W^T times the projector on the span
    span = np.stack([np.sign(readout), readout], axis=1)
    projector = span @ np.linalg.solve(span.T @ span, span.T)
    np.testing.assert_allclose(found @ found.T, w.T @ projector @ w, atol=1e-8)     # entries of order 100


def test_a_rademacher_readout_spans_one_direction_only():
    moment = moment_of(lambda rngs: TwoLayer(D, H, rngs=rngs, readout="rademacher"))
    found = take(captures.overlaps(), moment)
    np.testing.assert_array_equal(found["projection"][:, 1], 0)
    np.testing.assert_allclose(found["readout_overlap"], found["readout_sign_overlap"], rtol=1e-12)


def test_overlaps_with_what_does_not_exist_are_nan():
    moment = moment_of(lambda rngs: MLP(D, (12, 9), rngs=rngs))
    first, last = (captures.overlaps().fn(moment, view) for view in moment.views)
    # the teacher lives in input space, the readout in the last layer
    assert np.isfinite(first["teacher_overlap"]).all()
    assert np.isnan(first["readout_overlap"]).all()
    assert np.isnan(first["projection"]).all()
    assert np.isnan(last["teacher_overlap"]).all()
    assert np.isfinite(last["readout_overlap"]).all()


def test_a_readout_of_zeros_has_no_direction():
    found = take(captures.overlaps(), moment_of(lambda rngs: TwoLayer(D, H, rngs=rngs), readout=np.zeros(H)))
    assert np.isnan(found["readout_overlap"]).all()
    assert np.isnan(found["readout_sign_overlap"]).all()


def test_the_update_is_the_difference_to_the_next_state(moment, weights):
    w, after, *_ = weights
    change = after - w
    u, s, vt = np.linalg.svd(change, full_matrices=False)
    u_w, _, vt_w = np.linalg.svd(w, full_matrices=False)
    found = take(captures.update(), moment)
    # float32 weights: the small singular values of the change are rounding, squared and beside a large one
    np.testing.assert_allclose(found["update_eigenvalues"], s[::-1] ** 2, rtol=1e-9, atol=1e-12 * s[0] ** 2)
    assert found["update_norm"] == pytest.approx(np.linalg.norm(change), rel=ALGEBRA)
    assert found["update_stable_rank"] == pytest.approx(np.sum(s**2) / s[0] ** 2, rel=ALGEBRA)
    np.testing.assert_allclose(found["update_left_overlap"], (u_w[:, :5].T @ u[:, :5]) ** 2, atol=1e-8)
    np.testing.assert_allclose(found["update_right_overlap"], (vt_w[:5] @ vt[:5].T) ** 2, atol=1e-8)


def test_a_hand_made_update_of_rank_one_is_recognised(moment, weights):
    u, _, vt = np.linalg.svd(weights[0], full_matrices=False)
    after = moment.state._replace(params={"W": jnp.asarray(weights[0] + 100 * np.outer(u[:, 2], vt[1]), jnp.float32)})
    found = take(captures.update(), moment.followed_by(after))
    # float32 weights of order 10 are rounded by 1e-6 of an update of norm 100
    assert found["update_norm"] == pytest.approx(100, rel=1e-6)
    assert found["update_stable_rank"] == pytest.approx(1, rel=1e-6)
    expected = np.zeros(5)
    expected[2] = 1
    np.testing.assert_allclose(found["update_left_overlap"][:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found["update_right_overlap"][:, 0], np.roll(expected, -1), atol=1e-6)


def test_an_update_needs_the_next_state(moment):
    assert captures.update().uses_update
    alone = Moment(moment.state, moment.data, moment.program, moment.views)
    with pytest.raises(ValueError, match="must run where a further step was taken; declare uses_update=True"):
        take(captures.update(), alone)


def test_the_network_loss_is_the_mean_square_on_the_test_set(moment, weights):
    w, _, readout, _ = weights
    x, y = (np.asarray(a, np.float64) for a in moment.data.test)
    expected = np.mean((np.tanh(x @ w.T / np.sqrt(D)) @ readout / np.sqrt(H) - y) ** 2)
    # a float32 forward pass
    assert take(captures.losses(), moment)["network_test_loss"] == pytest.approx(expected, rel=1e-6)


def features(w, x, factor=1.0):
    return np.tanh(np.asarray(x, np.float64) * factor @ w.T / np.sqrt(D)) / np.sqrt(H)


def test_the_readout_is_the_ridge_fit_of_the_probe_set_in_both_conventions(moment, weights):
    found = take(captures.readout(0.02, ("paper", "authors")), moment)
    for ending, factor in (("", 1.0), ("_authors", D**-0.5)):
        z, z_test = (features(weights[0], batch.x, factor) for batch in (moment.data.probe, moment.data.test))
        expected = ridge_readout(z, moment.data.probe.y, z_test, moment.data.test.y, regularisation=0.02)
        # float32 features, at condition number n / .02
        np.testing.assert_allclose([found[name + ending] for name in expected._fields], expected, rtol=2e-5)
    only = take(captures.readout(0.02, ("authors",)), moment)
    assert only == {name: value for name, value in found.items() if name.endswith("_authors")}


def test_the_stability_edge_is_taken_at_the_moment_and_once(moment):
    capture = captures.stability()
    edge = stability_edge(moment.program.network, moment.state.params, moment.state.rest, moment.data.train.x)
    assert capture.once
    assert take(capture, moment)["stability_edge"] == edge


def test_outliers_are_those_of_the_pure_functions(moment):
    rng = np.random.default_rng(0)
    u, v = (x / np.linalg.norm(x) for x in (rng.standard_normal(H), rng.standard_normal(D)))
    # noise ends at sqrt H + sqrt D = 11.8: the spike is far outside
    spiked = (rng.standard_normal((H, D)) + 25 * np.outer(u, v)).astype(np.float32)
    state = moment.state._replace(params={"W": jnp.asarray(spiked)})
    at_spike = Moment(state, moment.data, moment.program, moment.views)
    found = take(captures.outliers(level=0.02, initial_variance=1.0), at_spike)
    spectrum = Spectrum.of(spiked)
    critical = phase.critical_values((H, D))
    expected = find_outliers(spectrum, level=0.02, critical=critical.sup, initial_variance=1.0)
    judged = phase.phase_of(spectrum, expected, critical=critical)
    counts = {"outliers": expected.count, "called": expected.called, "detached": expected.detached,
              "phase": judged.code, "spikes": judged.spikes}
    assert {name: found[name] for name in counts} == counts
    assert found["beyond_isotropic_bulk"] == expected.beyond_isotropic_bulk == 1
    assert found["outliers"] == 1
    # the same fit of the same values, to rounding
    assert found["bulk_variance"] == pytest.approx(expected.variance, rel=1e-9)
    assert found["top_p_value"] == pytest.approx(expected.p_values[0], rel=1e-6)


def test_tails_are_those_of_the_pure_functions(moment, weights):
    found = take(captures.tails(authors=True), moment)
    values = np.linalg.svd(weights[0], compute_uv=False)[::-1] ** 2
    fit = power_law.fit_power_law(values)
    expected = {"hill": power_law.hill(values).alpha, "alpha": fit.alpha, "alpha_error": fit.alpha_error,
                "alpha_xmin": fit.xmin, "alpha_tail": fit.tail, "alpha_distance": fit.distance,
                "alpha_authors": power_law.fit_power_law(values, method="authors").alpha}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-8), name      # logarithms of values equal to 1e-10


def test_a_moment_decomposes_each_matrix_once_and_shares_it_with_its_twin(moment):
    view = moment.views[0]
    assert moment.decomposition(view) is moment.decomposition(view)
    assert moment.followed_by(moment.after).decomposition(view) is moment.decomposition(view)
    assert moment.step == 1
    assert moment.spectrum(view).scale == H


def test_options_that_change_the_numbers_change_the_signature():
    pairs = [(captures.readout(), captures.readout(0.1)),
             (captures.readout(), captures.readout(conventions=("authors",))),
             (captures.outliers(level=0.02), captures.outliers(level=0.03)),
             (captures.outliers(), captures.outliers(initial_variance=1.0)),
             (captures.tails(), captures.tails(authors=True)),
             (captures.tails(), captures.tails(bootstrap=5))]
    for one, other in pairs:
        assert one.signature() != other.signature()
    assert captures.tails().signature() == captures.tails().signature()


def test_a_capture_of_a_network_without_features_says_so(moment):
    class Pair:
        def init(self, key):
            return {"W": jax.random.normal(key, (H, D))}

        def apply(self, params, x):
            return jnp.tanh(x @ params["W"].T).sum(-1)

    bare = moment_of(Pair())
    assert np.isfinite(take(captures.losses(), bare)["network_test_loss"])
    with pytest.raises(ValueError, match="must have a model with `features"):
        take(captures.readout(), bare)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: captures.readout(conventions=("mine",)), "conventions must be of paper, authors; got"),
        (lambda: captures.readout(conventions=()), "conventions must be of paper, authors; got"),
        (lambda: captures.readout(-1.0), "regularisation must be finite and not negative; got -1.0"),
        (lambda: captures.readout(float("nan")), "regularisation must be finite and not negative; got nan"),
    ],
)
def test_bad_options_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_capture_of_ones_own_is_a_schema_and_a_function(moment):
    trace = Capture("trace", {"trace": ()}, lambda moment, view: {"trace": np.trace(moment.matrix(view)[:D])})
    assert take(trace, moment)["trace"] == np.trace(np.asarray(moment.state.params["W"], np.float64)[:D])
