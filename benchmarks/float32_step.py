"""How far float32 lets two right implementations of the first Adam step agree. `python benchmarks/float32_step.py`

The first update is -eta g/(|g| + eps): an entry whose |g| is near eps = 1e-8 moves by another fraction of eta when g is
off by its float32 rounding. For 60 random problems of the size of tests/data/authors_small.npz (n = 200, d = 100,
h = 150, rate 1) this prints the largest relative error of a singular value of the new weights against float64, for the
gradient as XLA computes it, summed over the samples in blocks, and from an exact product of its float32 factors.
"""

import jax
import jax.numpy as jnp
import numpy as np

SAMPLES, INPUTS, WIDTH, PROBLEMS = 200, 100, 150, 60
BLOCKS = (1, 2, 4, 8)


def factors(x_nd, y_n, w_hd, a_h, lib):
    """Factor (n, h) of the gradient of the mean squared error: gradient = factor^T x / sqrt d."""
    hidden_nh = lib.tanh(x_nd @ w_hd.T * INPUTS**-0.5)
    residual_n = hidden_nh @ a_h * WIDTH**-0.5 - y_n
    return (2 / SAMPLES * residual_n)[:, None] * (a_h * WIDTH**-0.5) * (1 - hidden_nh**2)


def blocked(x_nd, y_n, w_hd, a_h, blocks):
    """Gradient (h, d) in float32, its sum over samples taken in `blocks` blocks and then pairwise."""
    factor_nh = factors(x_nd, y_n, w_hd, a_h, jnp)
    parts = jnp.einsum("bnh,bnd->bhd", factor_nh.reshape(blocks, -1, WIDTH), x_nd.reshape(blocks, -1, INPUTS))
    while parts.shape[0] > 1:
        parts = parts[0::2] + parts[1::2]
    return parts[0] * INPUTS**-0.5


def problem(seed):
    """Inputs (n, d), labels (n,), weights (h, d), readout (h,) in float32."""
    rng = np.random.default_rng(seed)
    x, beta = rng.standard_normal((SAMPLES, INPUTS)), rng.standard_normal(INPUTS)
    y = np.logaddexp(0, x @ beta / np.linalg.norm(beta)) + 0.3 * rng.standard_normal(SAMPLES)
    w, a = rng.standard_normal((WIDTH, INPUTS)), rng.standard_normal(WIDTH)
    return [v.astype(np.float32) for v in (x, y, w, a)]


def main() -> None:
    """Prints one line per way to sum."""
    gradient = jax.jit(blocked, static_argnames="blocks")
    factor = jax.jit(lambda *arrays: factors(*arrays, jnp))
    ways = [*(f"{blocks} block(s)" for blocks in BLOCKS), "exact product"]
    errors = {way: [] for way in ways}
    for seed in range(PROBLEMS):
        arrays = problem(seed)
        exact = [v.astype(np.float64) for v in arrays]
        x, w = exact[0], exact[2]

        def values(g, w=w):
            return np.linalg.svd(w - g / (np.abs(g) + 1e-8), compute_uv=False)

        truth = values(factors(*exact, np).T @ x * INPUTS**-0.5)
        found = [gradient(*arrays, blocks=blocks) for blocks in BLOCKS]
        found.append((np.asarray(factor(*arrays), np.float64).T @ x * INPUTS**-0.5).astype(np.float32))
        for way, g in zip(ways, found, strict=True):
            errors[way].append(np.max(np.abs(values(np.asarray(g, np.float64)) / truth - 1)))
    print("largest relative error of a singular value: median, 90 %, maximum; share of problems above 1e-5")
    for way, error in errors.items():
        low, high = np.quantile(error, [0.5, 0.9])
        print(f"{way:14s} {low:.1e}  {high:.1e}  {np.max(error):.1e}   {np.mean(np.array(error) > 1e-5):.0%}")


if __name__ == "__main__":
    main()
