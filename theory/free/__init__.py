"""Free probability: sums, products, powers and compressions of matrices in general position.

    free_sum(A, B)                 A + O B O^T, O uniformly orthogonal             `theory.free.additive`
    free_product(A, B)             A^1/2 O B O^T A^1/2, A >= 0                     `theory.free.multiplicative`
    free_power, free_compression   t copies of A; a corner of A                    `theory.free.compression`
    r_transform, s_transform       R adds under sums, S multiplies under products  `theory.free.transforms`

The rectangular free convolution with Gaussian noise, the singular values of a signal plus noise, is a law of its own:
`theory.InformationPlusNoise` (squared singular values; `theory.SingularValues` takes their roots).

Any two laws will do: atoms, bands, no ends, power tails; of a product one factor must be >= 0. By subordination, with
one scalar equation beside a semicircle or Marchenko-Pastur law. Densities, cdf and quantiles are right to 1e-11 for
bounded laws and to 1e-9 at least for unbounded ones, in units of the law; far down a power tail, relative to it.
"""
