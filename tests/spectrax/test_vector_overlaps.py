"""The capture of all singular-vector overlaps, against SVDs and hand-made updates."""

import threading

import jax.numpy as jnp
import numpy as np
import pytest

from spectrax import captures, keys, random_frames, training
from spectrax.captures import Moment, vectors
from spectrax.matrices import views
from spectrax.models import Network, TwoLayer
from spectrax.optimizers import Adam
from spectrax.tasks import SingleIndex
from spectrax.training import Program

N, D, H = 80, 30, 40


def moment_of(inputs=D, width=H):
    data = SingleIndex(N, inputs, test_samples=5).draw(keys.stream(0, "data"))
    network = Network.of(lambda rngs: TwoLayer(inputs, width, rngs=rngs), data.train.x)
    params, rest = network.init(keys.stream(0, "init"))
    program = Program(network, Adam())
    state = training.start(params, rest, program=program, samples=N, trace=3, key=keys.stream(0, "shuffle"))
    after = training.advance(state, 0.3, data.train, 1, program=program)
    return Moment(state, data, program, views(params), after=after)


def take(moment, **options):
    return captures.vector_overlaps(**options).fn(moment, moment.views[0])


def followed_by(moment, matrix):
    return moment.followed_by(moment.state._replace(params={"W": jnp.asarray(matrix, jnp.float32)}))


@pytest.fixture(scope="module")
def moment():
    return moment_of()


@pytest.mark.parametrize("shape", [(H, D), (D, H), (30, 30)])
def test_every_overlap_is_that_of_two_svds(shape):
    moment = moment_of(inputs=shape[1], width=shape[0])
    w, after = (np.asarray(s.params["W"], np.float64) for s in (moment.state, moment.after))
    found = take(moment, blocks=0)
    svd = [np.linalg.svd(x, full_matrices=False) for x in (w, after, after - w)]
    # the first step of Adam is +-.3: several rows agree up to their sign, so that its rank is no more than 20 or 25
    sure = svd[2][1] > 1e-3 * svd[2][1][0]
    assert 15 < sure.sum() <= found["update_resolved"] < 30
    for when, parts in zip(("before", "after"), svd, strict=False):
        left, right = shape[0] * (parts[0].T @ svd[2][0]) ** 2, shape[1] * (parts[2] @ svd[2][2].T) ** 2
        # Gram route against SVD: 1e-16 times squared conditioning over the gaps, 1e-8 here; float32 storage
        np.testing.assert_allclose(found[f"left_{when}"][:, sure], left[:, sure], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found[f"right_{when}"][:, sure], right[:, sure], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found[f"{when}_singular_values"], parts[1], rtol=1e-8)
    np.testing.assert_allclose(found["update_singular_values"][sure], svd[2][1][sure], rtol=1e-8)


def test_summaries_are_those_of_the_full_matrix(moment):
    whole, found = take(moment, blocks=0), take(moment, blocks=7, corner=4, profiles=2)
    for name, size in (("left_before", H), ("left_after", H), ("right_before", D), ("right_after", D)):
        full = whole[name].astype(np.float64)
        # float32 entries and sums
        np.testing.assert_allclose(found[name], random_frames.block_means(full, 7), rtol=1e-5)
        np.testing.assert_array_equal(found[f"{name}_corner"], whole[name][:4, :4])
        np.testing.assert_array_equal(found[f"{name}_profile"], whole[name][:, :2].T)
        np.testing.assert_allclose(found[f"{name}_cumulated"], np.cumsum(full[:, :2].T, axis=1) / size, rtol=1e-5)
        assert found[f"{name}_beyond"] == np.sum(full > random_frames.entry_level(size, D * D))
    # as many right vectors as dimensions: every vector of the update is wholly among those of the weights
    np.testing.assert_allclose(found["right_after_cumulated"][:, -1], 1, rtol=1e-6)
    assert (found["left_after_cumulated"][:, -1] < 1).all()


def test_an_update_along_chosen_vectors_is_found_at_their_ranks(moment):
    w = np.asarray(moment.state.params["W"], np.float64)
    u, _, vt = np.linalg.svd(w, full_matrices=False)
    found = take(followed_by(moment, w + 0.1 * np.outer(u[:, 4], vt[2])), corner=6, profiles=1)
    # weights of order 1 rounded to float32, beside an update of norm .1
    assert found["left_before_profile"][0, 4] == pytest.approx(H, rel=1e-5)
    assert found["right_before_profile"][0, 2] == pytest.approx(D, rel=1e-5)
    assert found["left_before_corner"][4, 0] == pytest.approx(H, rel=1e-5)
    np.testing.assert_allclose(found["left_before_cumulated"][0], np.arange(D) >= 4, atol=1e-5)
    assert found["left_before_beyond"] >= 1
    # rank 1: all other vectors of the update are rounding
    assert found["update_resolved"] == 1


def test_resolved_vectors_are_those_above_float32_rounding(moment):
    w = np.asarray(moment.state.params["W"], np.float64)
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((k, 3)))[0] for k in (H, D))
    # the rounding of weights of order 1 has norm (sqrt 40 + sqrt 30) 3e-8 = 3.5e-7
    change = (u * [1e-2, 1e-5, 3e-8]) @ v.T
    assert take(followed_by(moment, w + change))["update_resolved"] == 2
    rounding = followed_by(moment, w + 1e-9 * rng.standard_normal((H, D)))
    assert take(rounding)["update_resolved"] <= 1


def test_frames_keep_their_digits_down_to_the_stated_rank():
    rng = np.random.default_rng(1)
    u, v = (np.linalg.qr(rng.standard_normal((k, 30)))[0] for k in (H, 30))
    s = np.geomspace(1, 1e-9, 30)    # steps of a factor 2
    found = vectors.frames((u * s) @ v.T)
    error = 1 - np.abs(np.einsum("ij,ij->j", found.right, v))
    # a vector is wrong by 1e-16/s^2 in angle at gaps of its own size, hence 1e-32/s^4 in the cosine
    sure = s > 1e-6
    assert (error[sure] < 1e-6).all()
    np.testing.assert_allclose(found.values[sure], s[sure], rtol=1e-3)
    assert error[s < 3e-9].max() > 1e-3    # and the limit is one


def test_a_step_that_changes_nothing_has_no_vectors(moment):
    found = take(followed_by(moment, moment.state.params["W"]))
    assert np.isnan(found["left_before"]).all()
    assert np.isnan(found["right_after_profile"]).all()
    assert np.isnan(found["left_after_beyond"])
    for name in ("readout", "sign", "teacher", "backward"):
        assert np.isnan(found[f"update_{name}_overlap"]).all()
    assert found["update_resolved"] == 0


def test_directions_of_the_update_are_absolute_cosines(moment):
    w, after = (np.asarray(s.params["W"], np.float64) for s in (moment.state, moment.after))
    a, teacher = np.asarray(moment.state.rest["readout"], np.float64), moment.data.directions["teacher"]
    u, _, vt = np.linalg.svd(after - w, full_matrices=False)
    found = take(moment, profiles=3)
    backward = w.T @ a
    expected = {"update_readout_overlap": u[:, :3].T @ a / np.linalg.norm(a),
                "update_sign_overlap": u[:, :3].T @ np.sign(a) / H**0.5,
                "update_teacher_overlap": vt[:3] @ teacher,
                "update_backward_overlap": vt[:3] @ backward / np.linalg.norm(backward)}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], np.abs(value), atol=1e-6, err_msg=name)    # a float32 teacher


def test_random_vectors_keep_to_the_level(moment):
    rng = np.random.default_rng(2)
    counts, blocks = [], []
    for _ in range(40):
        w = rng.standard_normal((H, D)).astype(np.float32)
        state = moment.state._replace(params={"W": jnp.asarray(w)})
        after = state._replace(params={"W": jnp.asarray(w + 0.01 * rng.standard_normal((H, D)))})
        found = take(Moment(state, moment.data, moment.program, moment.views, after=after), blocks=3)
        counts += [found["left_before_beyond"], found["right_before_beyond"]]
        blocks.append(found["right_before"])
    # 80 matrices at 1 %: more than 4 exceed with probability 1e-3
    assert np.sum(np.array(counts) > 0) <= 4
    blocks = np.array(blocks)
    assert np.mean(blocks) == pytest.approx(1, abs=1e-6)    # all rows and columns of an orthogonal matrix, float32
    # 360 dependent entries: a standard deviation known to about 5 %
    assert blocks.std() == pytest.approx(random_frames.block_spread(D, 10, 10), rel=0.2)


def test_the_same_weights_are_decomposed_once_by_all_workers(monkeypatch):
    calls, real = [], vectors.frames
    monkeypatch.setattr(vectors, "frames", lambda matrix: calls.append(1) or real(matrix))
    recent = vectors._Recent(2)
    first, second, third = (np.random.default_rng(i).standard_normal((5, 4)) for i in range(3))
    found = []
    threads = [threading.Thread(target=lambda: found.append(recent.frames(first.copy()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert all(f is found[0] for f in found)
    recent.frames(second)
    recent.frames(third)
    recent.frames(first)    # forgotten: two are kept
    assert len(calls) == 4


def test_a_decomposition_that_fails_fails_for_all_who_wait():
    recent = vectors._Recent(2)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match="matrix must be finite"):
            recent.frames(np.full((3, 2), np.inf))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"blocks": -1}, "blocks must be an integer of at least 0; got -1"),
     ({"corner": 0}, "corner must be an integer of at least 1; got 0"),
     ({"profiles": True}, "profiles must be an integer of at least 1; got True")],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        captures.vector_overlaps(**options)


def test_options_change_the_signature():
    assert captures.vector_overlaps().signature() != captures.vector_overlaps(blocks=0).signature()
    assert captures.vector_overlaps().uses_update
