"""The single-index task: moments, streams, normalisation, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from spectrax import keys
from spectrax.tasks import Batch, SingleIndex, mean_squared_error
from spectrax.tasks.single_index import softplus


@pytest.fixture(scope="module")
def drawn():
    return SingleIndex(4000, 50).draw(keys.stream(0, "data"))


def z_of(data, which="train"):
    return np.asarray(getattr(data, which).x, np.float64) @ np.asarray(data.directions["teacher"], np.float64)


def test_default_sizes_are_those_of_the_paper_with_a_test_set_of_4000():
    task = SingleIndex()
    assert (task.samples, task.inputs, task.test_samples, task.noise_std) == (2000, 1000, 4000, 0.3)


def test_sets_have_their_shapes_in_float32():
    data = SingleIndex(30, 7).draw(keys.stream(0, "data"))
    assert [batch.x.shape for batch in data[:3]] == [(30, 7), (30, 7), (4000, 7)]
    assert [batch.y.shape for batch in data[:3]] == [(30,), (30,), (4000,)]
    assert {array.dtype for batch in data[:3] for array in batch} == {np.dtype("float32")}


@pytest.mark.parametrize("which", ["train", "probe", "test"])
def test_inputs_are_standard_normal(drawn, which):
    x = np.asarray(getattr(drawn, which).x).ravel()
    # 2e5 draws; p < 1e-4 rejects a true normal once in 10^4 seeds
    assert kstest(x, "norm").pvalue > 1e-4
    # entries are uncorrelated between inputs: correlation of 4000 draws has standard deviation .016, 1225 pairs
    correlation = np.corrcoef(np.asarray(getattr(drawn, which).x), rowvar=False)
    assert np.abs(correlation - np.eye(50)).max() < 5 * 0.016


def test_the_teacher_is_a_unit_vector_uniform_on_the_sphere():
    task = SingleIndex(1, 40, test_samples=1)
    teachers = np.stack([task.draw(keys.stream(0, "data", r)).directions["teacher"] for r in range(200)])
    np.testing.assert_allclose(np.linalg.norm(teachers, axis=1), 1.0, rtol=1e-6)  # float32
    # the sum of 200 unit vectors has squared length 200 on average, standard deviation 200 sqrt(2/40) = 45
    assert abs(np.sum(teachers.sum(0) ** 2) - 200) < 5 * 45


@pytest.mark.parametrize("which", ["train", "probe", "test"])
def test_labels_are_the_link_of_the_projection_plus_noise(drawn, which):
    noise = np.asarray(getattr(drawn, which).y) - np.log1p(np.exp(z_of(drawn, which)))
    # 4000 draws of N(0, .3): the mean has standard error .0047, the standard deviation .0034
    assert abs(noise.mean()) < 4 * 0.0047
    assert abs(noise.std() - 0.3) < 4 * 0.0034
    assert kstest(noise / 0.3, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(noise, z_of(drawn, which))[0, 1]) < 4 / np.sqrt(4000)


def test_without_noise_labels_are_the_link():
    data = SingleIndex(100, 20, noise_std=0.0, link=jnp.sin, test_samples=100).draw(keys.stream(1, "data"))
    # float32 products of 20 terms
    np.testing.assert_allclose(data.train.y, np.sin(z_of(data)), atol=2e-6)


@pytest.mark.parametrize(
    ("link", "mean", "std"),
    [
        (jax.nn.relu, 1 / np.sqrt(2 * np.pi), np.sqrt(0.5 - 1 / (2 * np.pi))),
        (jnp.square, 1.0, np.sqrt(2.0)),
        (lambda z: 3.0 * z - 2.0, -2.0, 3.0),
        (jnp.tanh, 0.0, 0.62792873),   # sqrt E tanh(z)^2 by Gauss-Hermite of 200 nodes
    ],
)
def test_a_normalised_link_is_shifted_and_scaled_by_its_exact_moments(link, mean, std):
    task = SingleIndex(100, 20, link=link, normalised=True, noise_std=0.0, test_samples=100)
    data = task.draw(keys.stream(0, "data"))
    expected = (np.asarray(link(jnp.asarray(z_of(data), jnp.float32)), np.float64) - mean) / std
    # z is off by 3e-7 in float32, squared and scaled by 4 at most; the quadrature by 1e-7 (kink of relu)
    np.testing.assert_allclose(data.train.y, expected, atol=2e-6)


def test_normalised_labels_have_mean_0_and_variance_1():
    task = SingleIndex(100_000, 2, link=softplus, normalised=True, noise_std=0.0, test_samples=100_000)
    y = np.asarray(task.draw(keys.stream(0, "data")).train.y)
    # 1e5 draws: standard errors .0032 and, at kurtosis 4, .0027
    assert abs(y.mean()) < 4 * 0.0032
    assert abs(y.std() - 1) < 4 * 0.0027


def test_sets_share_no_sample_and_no_noise(drawn):
    noise = [np.asarray(getattr(drawn, which).y) - np.log1p(np.exp(z_of(drawn, which)))
             for which in ("train", "probe", "test")]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        # 4000 pairs: standard deviation .016 of a chance correlation
        assert abs(np.corrcoef(noise[i], noise[j])[0, 1]) < 4 * 0.016
        assert abs(np.corrcoef(np.asarray(drawn[i].x)[:, 0], np.asarray(drawn[j].x)[:, 0])[0, 1]) < 4 * 0.016


def test_a_replicate_does_not_depend_on_the_others_and_the_train_set_not_on_the_test_size():
    def data(replicate, test_samples=20):
        return SingleIndex(20, 5, test_samples=test_samples).draw(keys.stream(0, "data", replicate))

    first = data(0)
    assert not np.array_equal(first.train.x, data(1).train.x)
    for again in (data(0), data(0, test_samples=10)):
        np.testing.assert_array_equal(again.train.x, first.train.x)
        np.testing.assert_array_equal(again.probe.y, first.probe.y)
        np.testing.assert_array_equal(again.directions["teacher"], first.directions["teacher"])


def test_the_loss_is_the_mean_square_without_one_half():
    output, y = jnp.asarray([1.0, 2.0, 4.0]), jnp.asarray([0.0, 2.0, 1.0])
    batch = Batch(jnp.zeros((3, 1)), y)
    assert float(mean_squared_error(output, batch)) == pytest.approx(10 / 3, rel=1e-7)
    assert float(SingleIndex().loss(output, batch)) == float(mean_squared_error(output, batch))


def test_tasks_with_equal_settings_are_equal_and_hash_alike():
    assert SingleIndex(5, 6) == SingleIndex(5, 6)
    assert hash(SingleIndex(5, 6)) == hash(SingleIndex(5, 6))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 0}, "samples must be an integer of at least 1; got 0"),
        ({"inputs": -3}, "inputs must be an integer of at least 1; got -3"),
        ({"test_samples": 0}, "test_samples must be an integer of at least 1; got 0"),
        ({"samples": 2.5}, "samples must be an integer of at least 1; got 2.5"),
        ({"noise_std": -0.1}, "noise_std must be finite and not negative; got -0.1"),
        ({"noise_std": float("nan")}, "noise_std must be finite and not negative; got nan"),
        ({"noise_std": float("inf")}, "noise_std must be finite and not negative; got inf"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        SingleIndex(**settings)
    assert "\n" not in str(caught.value)


def test_a_constant_link_cannot_be_normalised():
    with pytest.raises(ValueError, match="link must vary"):
        SingleIndex(5, 2, link=lambda z: 0 * z + 1.5, normalised=True).draw(keys.stream(0, "data"))
