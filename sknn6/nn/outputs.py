"""What a network's outputs stand for: numbers in units of their own."""

import numpy as np
from numpy.typing import DTypeLike

from sknn6.nn.annotations import Array
from sknn6.nn.dense import Dense

__all__ = ["OutputScaling"]


class OutputScaling:
    """Z = (y - mean) / scale, target by target, and y = mean + scale z.

    A network that learns Z works with numbers of about 1, whatever the units of y.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_targets,)
        Of the training targets, in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.outputs import OutputScaling
    >>> scaling = OutputScaling(np.array([1e6]), np.array([10.0]))
    >>> Z = scaling(np.array([[1000005.0], [999990.0]]), np.float32)
    >>> Z.ravel().tolist(), scaling.inverse(Z.astype(float)).ravel().tolist()
    ([0.5, -1.0], [1000005.0, 999990.0])
    """

    def __init__(self, mean: Array, scale: Array):
        self.mean, self.scale = np.asarray(mean, np.float64), np.asarray(scale, np.float64)

    def __call__(self, y: Array, dtype: DTypeLike) -> Array:
        """Return the scaled targets. The mean is subtracted in float64, of which no digit is lost."""
        return ((y - self.mean) / self.scale).astype(dtype, copy=False)

    def inverse(self, Z: Array) -> Array:
        """Return the targets that outputs stand for, in the dtype of Z, held to the range of its numbers."""
        most = np.finfo(Z.dtype).max
        with np.errstate(over="ignore"):
            return np.clip(Z * self.scale + self.mean, -most, most).astype(Z.dtype, copy=False)

    def is_near(self, other: "OutputScaling") -> bool:
        """Return whether both are the same."""
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.scale, other.scale)

    def hand_over(self, dense: Dense, before: "OutputScaling") -> None:
        """Have the last layer compute, in this scaling, the targets that it computed in the one before.

        W' = W s / s' and b' = (b s + m - m') / s', which is exact.
        """
        dense.W *= (before.scale / self.scale).astype(dense.W.dtype)
        b = (dense.b * before.scale + before.mean - self.mean) / self.scale
        dense.b[...] = b
