"""The L2 penalty and the decay of the weights, which are the first numbers of theta."""

from sknn6.nn.annotations import Array
from sknn6.nn.blas import AXPY

__all__ = ["Decay", "decay"]

# (l2, shrink, n) as `decay` takes them: the decay of a piece of theta, of which only the first n numbers
# decay.
Decay = tuple[float, float, int]


def decay(theta: Array, grad: Array, l2: float, shrink: float, n: int) -> float:
    """Add the gradient of the penalty l2 / 2 |W|^2 to that of W, then multiply W by `shrink`.

    The compiled step of Adam does the same in its one pass over theta.

    Parameters
    ----------
    theta, grad : ndarray of shape (n_parameters,)
        Both are changed in place.
    l2 : float
        Strength of the penalty; 0 means no penalty.
    shrink : float
        Factor of W; 1 means no decay.
    n : int
        Number of parameters that decay: W is ``theta[:n]``.

    Returns
    -------
    float
        |W|^2 as it was before, or 0 if l2 is 0.
    """
    W, squares = theta[:n], 0.0
    if l2 and n:
        squares = float(W @ W)
        AXPY[W.dtype](W, grad[:n], a=l2)
    if shrink != 1:
        W *= shrink
    return squares
