"""A sequence of random integers, each computed from its index, so that threads can compute parts of it."""

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["GOLDEN", "LAST_SHIFT", "MIXING", "random_words"]

# 2^64 divided by the golden ratio. A word is mixed by (bits, factor): XOR with itself shifted right by the
# bits, then multiplication by the factor; at the end XOR with itself shifted by LAST_SHIFT.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
LAST_SHIFT = np.uint64(31)


def random_words(seed: np.uint64, count: int) -> Array:
    """Return the first `count` integers of 64 random bits of the sequence of a seed, by SplitMix64 [1]_.

    References
    ----------
    .. [1] Steele, Lea & Flood (2014), Fast Splittable Pseudorandom Number Generators, OOPSLA.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.random_words import random_words
    >>> [f"{word:x}" for word in random_words(np.uint64(1234567), 2)]
    ['599ed017fb08fc85', '2c73f08458540fa5']
    """
    words = np.arange(1, count + 1, dtype=np.uint64)
    words *= GOLDEN
    words += seed
    for bits, factor in MIXING:
        words ^= words >> bits
        words *= factor
    words ^= words >> LAST_SHIFT
    return words
