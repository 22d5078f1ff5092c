"""Other seeds on demand, so that a test that passes by the luck of one is found.

With the environment variable ``SKNN6_TEST_SEED`` set to a number, it is added to each whole number that seeds
NumPy's generators, whoever uses it: a test that draws data, or a network that draws weights. What a test
asserts must then still hold.
"""

import os

OFFSET = int(os.environ.get("SKNN6_TEST_SEED", "0"))

if OFFSET:
    import numpy as np

    default_rng, RandomState = np.random.default_rng, np.random.RandomState

    def shifted(seed):
        """Return a whole number with the offset added, and any other seed as it is."""
        if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
            return (int(seed) + OFFSET) % 2**32
        return seed

    class IsRandomState(type):
        """What tells, dispatch by type too, that the real class and its instances are the stand-in's."""

        def __instancecheck__(cls, instance):
            return isinstance(instance, RandomState)

        def __subclasscheck__(cls, subclass):
            return issubclass(subclass, RandomState)

    class ShiftedRandomState(metaclass=IsRandomState):
        """A stand-in for the class RandomState that makes real instances, and goes by its name."""

        __module__ = RandomState.__module__

        def __new__(cls, seed=None):
            return RandomState(shifted(seed))

    np.random.default_rng = lambda seed=None: default_rng(shifted(seed))
    ShiftedRandomState.__name__ = ShiftedRandomState.__qualname__ = "RandomState"
    np.random.RandomState = ShiftedRandomState
