"""Losses as functions of the logits: the weighted mean loss of a batch and its gradient dZ.

A loss is a function ``loss(Z, y, weight) -> (loss, dZ)`` of logits Z (samples, outputs), encoded targets, and
the weights of the samples, None if all are 1. It may write into Z. `LOSSES` has the losses of classification
by the name of the output activation, `REGRESSION_LOSSES` those of regression by their own names. To add a
loss, write the function and give it a row.

Z may have a leading axis of members, which are networks that are trained side by side on the same samples.
The loss is then the mean of the members' losses, and dZ has for each member the gradient of its own loss. The
weights may then be those of each member, of shape (samples, members).

The module is long because it is a table: each loss with its formula and its sources.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.special import expit, xlogy

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.kernels import kernel
from sknn6.nn.sample_weights import normalized_weights

__all__ = [
    "LOSSES", "REGRESSION_LOSSES", "Loss", "absolute_error", "at_level", "gamma", "huber", "pinball",
    "poisson", "sigmoid_cross_entropy", "softmax_cross_entropy", "squared_error",
]  # fmt: skip


def softmax_cross_entropy(
    Z: Array, y: Array, weight: Array | None = None, smoothing: float = 0.0
) -> tuple[float, Array]:
    """Mean of -sum_k t_k log softmax(z)_k; dZ = (softmax(Z) - t) w / sum w.

    The target t is 1 for the class y and 0 for the others. With smoothing s and C classes, it is 1 - s + s /
    C for the class y and s / C for the others.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_classes)
        Logits.
    y : ndarray of int, shape (n_samples,)
        Index of the class of each sample.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    smoothing : float
        s, from 0 to below 1.

    Returns
    -------
    loss : float
    dZ : ndarray of shape (n_samples, n_classes)
    """
    members = math.prod(Z.shape[:-2])
    if weight is None:
        p = np.array([1 / Z.shape[-2]], Z.dtype)
    else:
        p = np.broadcast_to(normalized_weights(weight).astype(Z.dtype, copy=False), Z.shape[:-1]).ravel()
    if members > 1:
        y = np.tile(y, members)
    loss, dZ = cross_entropy(Z.reshape(-1, Z.shape[-1]), y, p, smoothing)
    return float(loss) / members, dZ.reshape(Z.shape)


@kernel
def cross_entropy(Z: Array, y: Array, p: Array, smoothing: float) -> tuple[float, Array]:
    """Return the sum over the rows of p loss, and its gradient; p has one number, or one for each row."""
    # With the classes first, a reduction over few classes is a few operations on long vectors.
    P = np.ascontiguousarray(Z.T)
    P -= np.maximum.reduce(P, axis=0)
    T = np.equal(y, np.arange(len(P))[:, None]).astype(P.dtype)
    if smoothing:
        T *= 1 - smoothing
        T += smoothing / len(P)
    T *= p
    logits = np.vdot(T, P)
    np.exp(P, out=P)
    normaliser = np.add.reduce(P, axis=0)
    P *= p / normaliser
    P -= T
    log_normaliser = np.log(normaliser, out=normaliser)
    log_normaliser *= p
    return np.add.reduce(log_normaliser) - logits, P.T


def sigmoid_cross_entropy(
    Z: Array, Y: Array, weight: Array | None = None, smoothing: float = 0.0
) -> tuple[float, Array]:
    """Mean over samples of the sum over outputs of max(z, 0) - z y + log(1 + exp(-|z|)).

    This is a stable form of -y log p - (1 - y) log(1 - p), where p is the logistic function of z;
    dZ = (P - Y) w / sum w. Smoothing replaces a target of 1 by 1 - s / 2, and a target of 0 by s / 2.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_outputs)
        Logits.
    Y : ndarray of shape (n_samples, n_outputs)
        1 where the label applies, else 0.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    smoothing : float
        s, from 0 to below 1.

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
    return weighted_mean(losses.sum(axis=-1), outputs_first(dZ), weight), dZ


def squared_error(Z: Array, Y: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Mean over samples of half the sum over outputs of (z - y)^2; dZ = (Z - Y) w / sum w."""
    dZ = np.subtract(Z, Y, out=Z)
    losses = 0.5 * np.square(dZ).sum(axis=-1)
    return weighted_mean(losses, outputs_first(dZ), weight), dZ


def poisson(Z: Array, Y: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Mean over samples of half the Poisson deviance, e^z - y - y (z - log y); dZ = (e^Z - Y) w / sum w."""
    losses = xlogy(Y, Y) - Y - Y * Z
    dZ = np.exp(Z, out=Z)
    losses += dZ
    dZ -= Y
    return weighted_mean(losses.sum(axis=-1), outputs_first(dZ), weight), dZ


def gamma(Z: Array, Y: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Mean over samples of half the gamma deviance, e^-d + d - 1, d = z - log y; dZ = (1 - e^-d) w / sum w.

    The deviances of several outputs are added.
    """
    losses = np.subtract(Z, np.log(Y), out=Z)
    dZ = np.expm1(-losses)
    np.negative(dZ, out=dZ)
    losses -= dZ
    return weighted_mean(losses.sum(axis=-1), outputs_first(dZ), weight), dZ


def absolute_error(Z: Array, Y: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Mean over samples of the sum over outputs of |z - y|; dZ = sign(Z - Y) w / sum w."""
    residual = np.subtract(Z, Y, out=Z)
    dZ = np.sign(residual)
    losses = np.abs(residual, out=residual).sum(axis=-1)
    return weighted_mean(losses, outputs_first(dZ), weight), dZ


def pinball(
    Z: Array, Y: Array, weight: Array | None = None, quantile: float | Array = 0.5
) -> tuple[float, Array]:
    """Mean over samples of the sum over outputs of q (y - z) where z <= y, else (1 - q) (z - y) [1]_.

    dZ = ((Z > Y) - q) w / sum w. The constant with the least loss is the weighted q-quantile of the targets.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_outputs)
        Outputs.
    Y : ndarray of shape (n_samples, n_outputs) or (n_samples, 1)
        Targets; a single column applies to all outputs.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    quantile : float or ndarray of shape (n_outputs,)
        q for all outputs or for each, above 0 and below 1.

    Returns
    -------
    loss : float
    dZ : ndarray of shape (n_samples, n_outputs)

    References
    ----------
    .. [1] Koenker & Bassett (1978), Regression Quantiles, Econometrica 46.
    """
    residual = np.subtract(Z, Y, out=Z)
    dZ = np.greater(residual, 0).astype(residual.dtype)
    dZ -= quantile
    residual *= dZ
    return weighted_mean(residual.sum(axis=-1), outputs_first(dZ), weight), dZ


def huber(Z: Array, Y: Array, weight: Array | None = None, delta: float = 1.0) -> tuple[float, Array]:
    """Mean over samples of r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), with r = z - y [1]_.

    dZ = clip(r, -delta, delta) w / sum w. The losses of several outputs are added.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_outputs)
        Outputs.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    delta : float
        The residual beyond which the loss is linear, above 0.

    Returns
    -------
    loss : float
    dZ : ndarray of shape (n_samples, n_outputs)

    References
    ----------
    .. [1] Huber (1964), Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35.
    """
    residual = np.subtract(Z, Y, out=Z)
    dZ = np.clip(residual, -delta, delta)
    losses = (dZ * (residual - 0.5 * dZ)).sum(axis=-1)
    return weighted_mean(losses, outputs_first(dZ), weight), dZ


def at_level(
    Z: Array, Y: Array, weight: Array | None = None, *, loss: LossFunction, level: Array
) -> tuple[float, Array]:
    """Return loss(Z - log(level), Y / level, weight), a loss and its gradient.

    It is the loss of predictions e^z for targets Y, both measured in units of `level`, one number per output.
    """
    unit = level.astype(Z.dtype)
    return loss(Z - np.log(unit), Y / unit, weight)


def outputs_first(Z: Array) -> Array:
    """Return a view with the outputs first and the samples last, to be multiplied by weights of samples."""
    return Z.T if Z.ndim == 2 else Z.transpose(2, 0, 1)


def weighted_mean(losses: Array, dZ: Array, weight: Array | None) -> float:
    """Return the mean of the losses over members and samples (the last axis), and scale dZ to match."""
    if weight is None:
        dZ *= 1 / losses.shape[-1]
        return float(losses.sum()) / losses.size
    p = normalized_weights(weight).astype(dZ.dtype, copy=False)
    dZ *= p
    return float(np.mean((losses * p).sum(axis=-1)))


class Loss(NamedTuple):
    """A loss and its properties.

    Attributes
    ----------
    loss : callable
    out_activation : str
        Name in `LINKS` (`sknn6.nn.links`), which maps logits to predictions.
    least : float
        Lower bound of the targets.
    excludes_least : bool
        Whether targets must be above the lower bound, not equal to it.
    is_robust : bool
        Whether outliers have little influence.
    degree : int
        If predictions and targets are multiplied by c, the loss is multiplied by c^degree.
    of_quantiles : bool
        Whether the loss takes the estimator's `quantile`.
    if_scaled : dict of str to float
        Arguments that replace the loss's defaults when the targets are scaled.
    """

    loss: LossFunction
    out_activation: str
    least: float = -math.inf
    excludes_least: bool = False
    is_robust: bool = False
    degree: int = 2
    of_quantiles: bool = False
    if_scaled: Mapping[str, float] = MappingProxyType({})


LOSSES = {
    "softmax": Loss(softmax_cross_entropy, "softmax"),
    "logistic": Loss(sigmoid_cross_entropy, "logistic"),
}
REGRESSION_LOSSES = {
    "squared_error": Loss(squared_error, "identity"),
    "absolute_error": Loss(absolute_error, "identity", is_robust=True, degree=1),
    "quantile": Loss(pinball, "identity", is_robust=True, degree=1, of_quantiles=True),
    "poisson": Loss(poisson, "exp", least=0, degree=1),
    "gamma": Loss(gamma, "exp", least=0, excludes_least=True, degree=0),
    # The gradient for an outlier is delta, that for another row is its residual. If delta were the deviation
    # of the targets, the gradients of a few outliers would exceed those of all the rows that are fitted well.
    "huber": Loss(huber, "identity", is_robust=True, if_scaled={"delta": 0.1}),
}
