"""Losses, from the logits: the weighted mean loss of a batch and its gradient dZ.

``loss(Z, y, weight) -> (loss, dZ)`` for logits Z (samples, outputs) and the weights of the samples, None
if all are 1; it may write into Z. Each has a link, ``link(Z) -> P``, that turns logits into what is
predicted. `LOSSES` holds those of classification by the name of the output activation, `REGRESSION_LOSSES`
those of regression by their own. To add one, write the function and give it a row.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, xlogy

__all__ = [
    "LINKS",
    "LOSSES",
    "REGRESSION_LOSSES",
    "huber",
    "poisson",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "squared_error",
]


def softmax(Z):
    """P = exp(z) / sum exp(z), over the last axis."""
    with np.errstate(over="ignore"):  # a difference that overflows is -inf, whose exponential is right
        P = Z - Z.max(axis=-1, keepdims=True)
    np.exp(P, out=P)
    P /= P.sum(axis=-1, keepdims=True)
    return P


def softmax_cross_entropy(Z, y, weight=None, smoothing=0.0):
    """Mean of -sum_k t_k log softmax(z)_k; dZ = (softmax(Z) - t) w / sum w.

    The target t is 1 for the class y, and 0 for the others; smoothed, 1 - s + s / C and s / C for C classes.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_classes)
        Logits.
    y : ndarray of int, shape (n_samples,)
        Index of the class of each sample.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    smoothing : float
        s, 0 to < 1.

    Returns
    -------
    loss : float
    dZ : ndarray of shape (n_samples, n_classes)
    """
    # Classes first: a reduction over few classes is a few operations on long vectors.
    P = np.ascontiguousarray(Z.T)
    P -= np.maximum.reduce(P, axis=0)
    rows = np.arange(len(y))
    chosen = P[y, rows]
    if smoothing:
        chosen = (1 - smoothing) * chosen + smoothing * P.mean(axis=0)
    np.exp(P, out=P)
    normaliser = np.add.reduce(P, axis=0)
    losses = np.log(normaliser)
    losses -= chosen
    P /= normaliser
    if smoothing:
        P -= smoothing / len(P)
    P[y, rows] -= 1 - smoothing
    return weighted_mean(losses, P, weight), P.T


def sigmoid_cross_entropy(Z, Y, weight=None, smoothing=0.0):
    """Mean over samples of the sum over outputs of max(z, 0) - z y + log(1 + exp(-|z|)).

    The stable form of -y log p - (1 - y) log(1 - p), p the logistic function of z;
    dZ = (P - Y) w / sum w. Smoothed, 1 stands for 1 - s / 2 and 0 for s / 2.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_outputs)
        Logits.
    Y : ndarray of shape (n_samples, n_outputs)
        1 where the label applies, else 0.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    smoothing : float
        s, 0 to < 1.

    Returns
    -------
    loss : float
    dZ : ndarray of shape (n_samples, n_outputs)
    """
    if smoothing:
        Y = (1 - smoothing) * Y + smoothing / 2
    losses = np.logaddexp(0, Z)
    losses -= Z * Y
    dZ = expit(Z, out=Z)
    dZ -= Y
    return weighted_mean(losses.sum(axis=-1), dZ.T, weight), dZ


def squared_error(Z, Y, weight=None):
    """Mean over samples of half the sum over outputs of (z - y)^2; dZ = (Z - Y) w / sum w."""
    dZ = np.subtract(Z, Y, out=Z)
    losses = 0.5 * np.square(dZ).sum(axis=-1)
    return weighted_mean(losses, dZ.T, weight), dZ


def poisson(Z, Y, weight=None):
    """Mean over samples of half the Poisson deviance, e^z - y - y (z - log y); dZ = (e^Z - Y) w / sum w."""
    losses = xlogy(Y, Y) - Y - Y * Z
    dZ = np.exp(Z, out=Z)
    losses += dZ
    dZ -= Y
    return weighted_mean(losses.sum(axis=-1), dZ.T, weight), dZ


HUBER_DELTA = 1.0


def huber(Z, Y, weight=None):
    """Mean over samples of r^2 / 2 where |r| <= 1, else |r| - 1 / 2, with r = z - y [1]_.

    dZ = clip(r, -1, 1) w / sum w. The losses of several outputs are added.

    References
    ----------
    .. [1] Huber (1964), Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35.
    """
    residual = np.subtract(Z, Y, out=Z)
    dZ = np.clip(residual, -HUBER_DELTA, HUBER_DELTA)
    losses = (dZ * (residual - 0.5 * dZ)).sum(axis=-1)
    return weighted_mean(losses, dZ.T, weight), dZ


def weighted_mean(losses, dZ, weight):
    """Average the losses over the samples, the last axis, and scale dZ to match."""
    if weight is None:
        dZ *= 1 / len(losses)
        return float(losses.sum()) / len(losses)
    p = (weight / weight.sum()).astype(dZ.dtype, copy=False)
    dZ *= p
    return float(p @ losses)


def identity(Z):
    """P = z."""
    return Z


def exponential(Z):
    """P = e^z, held to the range of the floats."""
    return np.exp(np.minimum(Z, np.log(np.finfo(Z.dtype).max)))


class Loss(NamedTuple):
    """A loss, the link that belongs to it, and what scikit-learn calls that link as an output activation."""

    loss: Callable
    link: Callable
    out_activation: str


LOSSES = {
    "softmax": Loss(softmax_cross_entropy, softmax, "softmax"),
    "logistic": Loss(sigmoid_cross_entropy, expit, "logistic"),
}
REGRESSION_LOSSES = {
    "squared_error": Loss(squared_error, identity, "identity"),
    "poisson": Loss(poisson, exponential, "exp"),
    "huber": Loss(huber, identity, "identity"),
}
LINKS = {entry.out_activation: entry.link for entry in (LOSSES | REGRESSION_LOSSES).values()}
