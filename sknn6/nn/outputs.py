"""The scaling of the targets of a regression."""

import numpy as np
from numpy.typing import DTypeLike

from sknn6.nn.annotations import Array
from sknn6.nn.dense import Dense

__all__ = ["OutputScaling"]

# A dtype is too coarse for a target if neighbouring numbers near its mean are further apart than this share
# of its scale.
COARSEST = 1e-3


class OutputScaling:
    """z = (y - mean) / scale for each target, and y = mean + scale z.

    A network that learns z works with numbers of about 1, whatever the unit of y.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_targets,)
        Centre and spread of the training targets, in float64.

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
        """Return the scaled targets; the mean is subtracted in float64, so that no digits are lost."""
        return ((y - self.mean) / self.scale).astype(dtype, copy=False)

    def inverse(self, Z: Array) -> Array:
        """Return the targets for outputs Z, clipped to the range of the dtype of Z.

        The result has the dtype of Z, or float64 if that dtype is too coarse for one of the targets.
        """
        info = np.finfo(Z.dtype)
        coarse = (np.abs(self.mean) * float(info.eps) > COARSEST * self.scale).any()
        with np.errstate(over="ignore"):
            y = np.clip(Z * self.scale + self.mean, -info.max, info.max)
        return y if coarse else y.astype(Z.dtype, copy=False)

    def equals(self, other: "OutputScaling") -> bool:
        """Return whether both scalings are equal."""
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.scale, other.scale)

    def adapt_last_layer(self, dense: Dense, before: "OutputScaling") -> None:
        """Adapt the last layer to this scaling, so that the targets are those that it computed with `before`.

        W' = W s / s' and b' = (b s + m - m') / s', which is exact.
        """
        dense.W *= (before.scale / self.scale).astype(dense.W.dtype)
        b = (dense.b * before.scale + before.mean - self.mean) / self.scale
        dense.b[...] = b
