"""The bulk of W^T W/width after several steps of Adam, from the constants alone."""

from theory.activations import Activation
from theory.laws.generalized_marchenko_pastur import GeneralizedMarchenkoPastur
from theory.training.adam_populations import AdamRun
from theory.training.conditioned_matrix import WatchedMatrix
from theory.training.row_covariance import RowCovariance

POINTS = 100


def adam_path_bulk(
    learning_rate: float, steps: int, samples: int, inputs: int, width: int, *, activation: Activation = "tanh",
    teacher: Activation = "softplus", noise_std: float = 0.3, decay: tuple[float, float] = (0.9, 0.999),
    particles: int = 512, draws: int = 2, seed: int = 0,
) -> GeneralizedMarchenkoPastur:
    """Eigenvalues of W^T W/width, but for the outlier, after `steps` >= 1 full-batch steps; nothing is measured.

    Given the data, the rows of W flipped by sign(a) are independent around their mean, with one covariance (inputs,
    inputs): the law is Marchenko-Pastur's of that population, whose eigenvalues follow from the populations of
    `adam_path` and a matrix Dyson equation (`theory.training.row_covariance`). After one step it is that of `AdamBulk`
    to the .2 to 2 % that the populations leave: use that one, above all at rates beyond 5, not resolved here.
    The singular value of W of rank k >= 2 is about sqrt(width q), q the law's quantile at
    1 - (k - 1.5)/(inputs - 1); as the residuals' extremes are those of the populations, of `draws` `particles`
    samples, the upper edge belongs to that number of samples; a share of 1e-4 of the population at
    either end is left out.

    Limit n, d, h -> oo at fixed ratios, as for `adam_path`, whose arguments and errors these are. Time grows as
    steps^3 particles draws, memory as 100 steps particles^2 draws bytes.
    Raises ValueError as `adam_path` does; ArithmeticError where the equation is not resolved.
    Derived for this package: docs/few_steps_theory.md, section 6.

    >>> law = adam_path_bulk(1.0, 1, samples=2000, inputs=1000, width=1500, particles=128)
    >>> round(law.mean, 1)
    1.3
    """
    run = AdamRun(learning_rate, steps, samples, inputs, width, activation, teacher, noise_std, decay, particles, draws)
    watched = []
    for populations in run.populations(seed, WatchedMatrix):
        populations.path(run)
        assert isinstance(populations.own, WatchedMatrix)
        watched.append(populations.own)
    values, weights = RowCovariance(watched, inputs / samples).eigenvalues(POINTS)
    population = tuple(zip(values.tolist(), weights.tolist(), strict=True))
    return GeneralizedMarchenkoPastur(inputs / width, population)
