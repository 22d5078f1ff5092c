"""Links: how predictions follow from the logits, the outputs of the last layer.

`LINKS` has them by the name of the output activation. To add a link, write its two functions and give it a
row.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import expit

from sknn6.nn.annotations import Array

__all__ = ["LINKS", "Link", "largest_exponent"]


def softmax(Z: Array) -> Array:
    """P = exp(z) / sum exp(z), over the last axis."""
    with np.errstate(over="ignore"):  # a difference may overflow to -inf, and exp(-inf) is 0
        P = Z - Z.max(axis=-1, keepdims=True)
    np.exp(P, out=P)
    P /= P.sum(axis=-1, keepdims=True)
    return P


def identity(Z: Array) -> Array:
    """P = z."""
    return Z


def in_order(Z: Array) -> Array:
    """P = the outputs of each sample in increasing order [1]_.

    Sorting quantiles never increases their pinball loss.

    References
    ----------
    .. [1] Chernozhukov, Fernandez-Val & Galichon (2010), Quantile and Probability Curves Without Crossing,
       Econometrica 78.
    """
    return np.sort(Z, axis=-1)


def exponential(Z: Array) -> Array:
    """P = e^z, clipped to the largest float."""
    return np.exp(np.minimum(Z, largest_exponent(Z.dtype)))


def largest_exponent(dtype: DTypeLike) -> Any:
    """Return a number whose exponential is just below the largest of the floats."""
    return np.nextafter(np.log(np.finfo(dtype).max), 0, dtype=dtype)  # in case the logarithm was rounded up


def log_mean_exp(Z: Array) -> Array:
    """Z = log of the mean over the members of e^z."""
    return np.logaddexp.reduce(Z, axis=0) - np.log(len(Z)).astype(Z.dtype)


def pool_softmax(Z: Array) -> Array:
    """Z = log of the mean over the members of softmax(z)."""
    return log_mean_exp(Z - np.logaddexp.reduce(Z, axis=-1, keepdims=True))


def pool_logistic(Z: Array) -> Array:
    """Z = log p - log(1 - p), p the mean over the members of the logistic function of z."""
    return log_mean_exp(-np.logaddexp(0, -Z)) - log_mean_exp(-np.logaddexp(0, Z))


def pool_identity(Z: Array) -> Array:
    """Z = the mean over the members."""
    return (Z / len(Z)).sum(axis=0)  # the sum before the division might overflow


def pool_in_order(Z: Array) -> Array:
    """Z = the mean over the members of the outputs in increasing order."""
    return pool_identity(in_order(Z))


class Link(NamedTuple):
    """A link and its properties.

    Attributes
    ----------
    predict : callable
        ``predict(Z) -> P``, from logits to predictions.
    pool : callable
        ``pool(Z) -> Z``, from the logits of several networks to those logits whose prediction is the mean of
        the networks' predictions.
    is_equivariant : bool
        Whether predict(a + b z) = a + b predict(z) for b > 0.
    is_exponential : bool
        Whether predict(z + log c) = c predict(z) for c > 0, so that predictions are positive.
    is_sorted : bool
        Whether the predictions of each sample are in increasing order, as quantiles of one target are.
    """

    predict: Callable[[Array], Array]
    pool: Callable[[Array], Array]
    is_equivariant: bool = False
    is_exponential: bool = False
    is_sorted: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether the logits are the predictions."""
        return self.predict is identity


LINKS = {
    "softmax": Link(softmax, pool_softmax),
    "logistic": Link(expit, pool_logistic),
    "identity": Link(identity, pool_identity, is_equivariant=True),
    "in_order": Link(in_order, pool_in_order, is_equivariant=True, is_sorted=True),
    "exp": Link(exponential, log_mean_exp, is_exponential=True),
}
