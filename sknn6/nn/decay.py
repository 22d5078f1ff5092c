"""The L2 penalty and the decay of the weights, which are the first numbers of theta."""

from typing import NamedTuple

from sknn6.nn.annotations import Array
from sknn6.nn.blas import AXPY

__all__ = ["Decay"]


class Decay(NamedTuple):
    """An L2 penalty l2 / 2 |W|^2 and a decay of W, the first n numbers of a vector of parameters.

    Attributes
    ----------
    l2 : float
        Strength of the penalty; 0 means no penalty.
    shrink : float
        Factor of W; 1 means no decay.
    n : int
        Number of parameters that decay.
    """

    l2: float
    shrink: float
    n: int

    def apply(self, theta: Array, grad: Array) -> float:
        """Add the gradient of the penalty to that of W, then multiply W by `shrink`, both in place.

        The compiled step of Adam does the same in its one pass over theta.

        Parameters
        ----------
        theta, grad : ndarray of shape (n_parameters,)

        Returns
        -------
        float
            |W|^2 as it was before, or 0 if l2 is 0.
        """
        W, squares = theta[: self.n], 0.0
        if self.l2 and self.n:
            squares = float(W @ W)
            AXPY[W.dtype](W, grad[: self.n], a=self.l2)
        if self.shrink != 1:
            W *= self.shrink
        return squares
