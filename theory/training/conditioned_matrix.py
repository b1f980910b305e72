"""A Gaussian matrix known only through the vectors that it has met: dynamical mean-field theory without its kernels.

X (n x d) has independent N(0, 1) entries. Functions of samples i and of inputs k are populations: arrays whose mean
stands for the mean over i or k. Whatever dynamics asked for X v and X^T b before, given those answers X is Gaussian
again (Bolthausen 2014), and for n, d -> oo with d/n fixed, e_a orthonormal among the v met, q_c among the b,

    X v/sqrt d   = sum_a <e_a, v> x_a + |v - ...| x_new + sqrt(d/n) sum_c <y_c, v> q_c
    X^T b/sqrt n = sum_c <q_c, b> y_c + |b - ...| y_new + sqrt(n/d) sum_a <x_a, b> e_a

with independent standard normal x_a (samples) and y_c (inputs), <u, v> the mean of u v. The first two terms are the
noise, whose covariance over time is that of v or b; the last is the memory: by Stein's lemma <y_c, v> is the mean
response of v to the noise y_c, so no derivative is taken, and v may be discontinuous in it.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theory.training.normal_points import Cloud, RotatedCloud

FloatArray = NDArray[np.float64]


class _Side:
    """Samples or inputs: the vectors met there, and the normal variables that answer for the other side's vectors."""

    def __init__(self, normals: Cloud | RotatedCloud, capacity: int) -> None:
        self.normals, self.capacity, self.met = normals, capacity, 0
        self.vectors = np.empty(0)

    def coordinates(self, v: FloatArray) -> FloatArray:
        """<e_a, v> for the vectors met, followed by the norm of the rest, which becomes the next of them."""
        if not self.met:
            self.vectors = np.empty((self.capacity, *v.shape))
        known = self.vectors[: self.met].reshape(self.met, v.size)
        along = known @ v.ravel() / v.size
        rest = v.ravel() - along @ known
        norm = math.sqrt(float(np.mean(rest**2)))
        self.vectors[self.met] = rest.reshape(v.shape) / (norm if norm > 0 else 1.0)
        self.met += 1
        return np.append(along, norm)


class ConditionedMatrix:
    """X as above. `to_samples` holds the x_a, `to_inputs` the y_c; each direction answers `capacity` times at most."""

    def __init__(
        self, inputs_per_sample: float, to_samples: Cloud | RotatedCloud, to_inputs: Cloud | RotatedCloud, capacity: int
    ) -> None:
        self._root = math.sqrt(inputs_per_sample)
        self._samples, self._inputs = _Side(to_samples, capacity), _Side(to_inputs, capacity)

    @property
    def newest_input(self) -> FloatArray:
        """The last of the e_a."""
        return self._inputs.vectors[self._inputs.met - 1]

    @property
    def newest_sample(self) -> FloatArray:
        """The last of the q_c."""
        return self._samples.vectors[self._samples.met - 1]

    def times(self, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """X v/sqrt d as noise and memory; fresh samples have the noise only."""
        return _answer(v, self._inputs, self._samples, self._root)

    def transposed_times(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """X^T b/sqrt n as noise and memory."""
        return _answer(b, self._samples, self._inputs, 1 / self._root)


class Answers(NamedTuple):
    """What one side did at successive times, and the noise that it was given: one (points, rows) for each time."""

    vectors: list[FloatArray]
    noise: list[FloatArray]


class WatchedMatrix(ConditionedMatrix):
    """One whose questions and answers are kept."""

    def __init__(
        self, inputs_per_sample: float, to_samples: Cloud | RotatedCloud, to_inputs: Cloud | RotatedCloud, capacity: int
    ) -> None:
        super().__init__(inputs_per_sample, to_samples, to_inputs, capacity)
        self.inputs, self.samples = Answers([], []), Answers([], [])

    def times(self, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        noise, memory = super().times(v)
        self.inputs.vectors.append(v)
        self.samples.noise.append(noise)
        return noise, memory

    def transposed_times(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        noise, memory = super().transposed_times(b)
        self.samples.vectors.append(b)
        self.inputs.noise.append(noise)
        return noise, memory


def _answer(v: FloatArray, here: _Side, there: _Side, gain: float) -> tuple[FloatArray, FloatArray]:
    noise = there.normals.sum(here.coordinates(v))
    if not there.met:
        return noise, np.zeros_like(noise)
    response = gain * here.normals.means(v, there.met)
    return noise, np.tensordot(response, there.vectors[: there.met], 1)
