"""Normalisation layers.

All of them compute Y = gamma Xhat + beta with learned gamma and beta. They differ in Xhat, which is
normalised by the mean and variance over the batch (`BatchNorm`), by those over the units of a sample
(`LayerNorm`), by the covariance of groups of units over the batch (`BatchWhitening`), or by a mixture of
these three (`SwitchableWhitening`). To add a normalisation over the batch, write the class and give it a row
in `NORMALIZATIONS`.

In the formulas, p are the normalised weights of the samples; without weights, each is 1/n.

The module is long because the four classes share statistics and their derivatives: the mixture consists of
the other three.
"""

from abc import abstractmethod
from collections.abc import Callable
from copy import copy

import numpy as np
from numpy.random import Generator
from scipy.special import softmax

from sknn6.nn.annotations import Array
from sknn6.nn.kernels import kernel
from sknn6.nn.layer import Layer
from sknn6.nn.products import transpose

__all__ = [
    "NORMALIZATIONS", "RUNNING_ROUNDING", "BatchNorm", "BatchWhitening", "LayerNorm", "Normalization",
    "SwitchableWhitening", "floored_eigh", "mixture", "only_diagonal",
]  # fmt: skip

# The relative rounding error of running covariances: that of float32, whatever their dtype, so that a network
# that was trained in float32 makes the same predictions for float64.
RUNNING_ROUNDING = np.finfo(np.float32).eps


class Normalization(Layer):
    """Y = gamma Xhat + beta.

    Backward: dgamma = sum dY Xhat and dbeta = sum dY over the samples; `differentiate` computes dX.

    Parameters
    ----------
    units : int
        Number of units.
    eps : float
        Added to every variance.
    """

    # The network sets these: gamma and beta are views of its theta, dgamma and dbeta of its grad.
    gamma: Array  # (units,)
    beta: Array  # (units,)
    dgamma: Array  # as gamma
    dbeta: Array  # as beta

    Xhat: Array  # (samples, units), of the last forward

    def __init__(self, units: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.units, self.eps = units, eps
        self.parameters = {"gamma": (units,), "beta": (units,)}

    def initialize(self, rng: Generator) -> None:
        self.gamma[...] = 1
        self.beta[...] = 0

    @abstractmethod
    def normalize(self, X: Array, weight: Array | None) -> Array:
        """Return Xhat and keep what `differentiate` needs; X and the buffer "Y" may be overwritten."""

    @abstractmethod
    def differentiate(self, dY: Array, work: Array) -> Array:
        """Return the gradient with respect to X, given the gradient dY with respect to Y.

        `work` has the shape of dY; both may be overwritten. dgamma and dbeta have been computed before.
        """

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        self.Xhat = self.normalize(X, weight)
        Y = self.buffer("Y", X.shape, X.dtype)
        scale_and_shift(self.Xhat, self.gamma, self.beta, Y)
        return Y

    def backward(self, dY: Array) -> Array:
        work = self.buffer("dX", dY.shape, dY.dtype)
        self.sum_samples(dY, out=self.dbeta)
        self.sum_samples(np.multiply(dY, self.Xhat, out=work), out=self.dgamma)
        return self.differentiate(dY, work)

    def predict(self, X: Array) -> Array:
        reader = copy(self)  # `forward` may write to the copy
        reader.training, reader._buffers = False, {}
        return reader.forward(X)


class LayerNorm(Normalization):
    """Xhat = (X - E[X]) / sqrt(Var[X] + eps), of each sample over its units [1]_.

    Backward, with D = gamma dY and r = 1 / sqrt(Var[X] + eps)::

        dX = r (D - E[D] - Xhat E[D Xhat])

    References
    ----------
    .. [1] Ba, Kiros & Hinton (2016), Layer Normalization, arXiv:1607.06450.
    """

    kind = "layernorm"

    r: Array  # (samples, 1)

    def normalize(self, X: Array, weight: Array | None) -> Array:
        X -= row_means(X)
        squares = np.multiply(X, X, out=self.buffer("Y", X.shape, X.dtype))
        self.r = 1 / np.sqrt(row_means(squares) + self.eps)
        X *= self.r
        return X

    def differentiate(self, dY: Array, work: Array) -> Array:
        D = np.multiply(dY, self.gamma, out=dY)
        along = row_means(np.multiply(D, self.Xhat, out=work))
        D -= row_means(D)
        D -= np.multiply(self.Xhat, along, out=work)
        D *= self.r
        return D


class BatchStatistics(Normalization):
    """Normalisation by a mean, and a variance or covariance, over the samples of the batch.

    In training, these statistics are those of the batch, with the weights of the samples; the variance is the
    biased one. Running averages are updated by new = (1 - momentum) old + momentum batch, with the unbiased
    variance. Prediction uses the running averages, and so does a batch of one row, which has no variance.

    Parameters
    ----------
    units : int
        Number of units.
    momentum : float
        Weight of the new batch in the running averages.
    group_size : int
        Number of units that share a covariance matrix, for the subclasses that have one.
    eps : float
        Added to every variance.

    Attributes
    ----------
    uses_batch : bool
        Whether the last forward used the statistics of the batch, so that the gradient passes through them.
    """

    running_mean: Array  # (units,), a view of the network's statistics

    p: Array  # (samples,), the normalised weights
    unbiased: float  # the factor from a biased variance to the unbiased one

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 1, eps: float = 1e-5) -> None:
        super().__init__(units, eps)
        self.momentum, self.group_size = momentum, min(group_size, units)
        self.statistics = {"running_mean": (units,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_mean[...] = 0

    def normalize(self, X: Array, weight: Array | None) -> Array:
        if weight is None:
            n = n_rows = X.shape[-2]
            self.p = np.full(n, 1 / n, X.dtype)
        else:
            total = float(weight.sum())
            self.p = (weight / total).astype(X.dtype, copy=False)
            n_rows = np.count_nonzero(self.p)
            # Weights that sum to less than the number of samples are not repetitions, and only their ratios
            # count.
            n = max(total, n_rows)
        self.uses_batch = self.training and n_rows > 1
        if not self.uses_batch:
            return self.apply(X, self.running_mean)
        self.unbiased = n / max(n - 1, 1)
        mean = self.average(X)
        self.follow(self.running_mean, mean)
        return self.apply(X, mean)

    def recompute_statistics(self, X: Array, weight: Array | None, weights_averaged: bool) -> Array:
        if X.shape[-2] > 1 and (self.drifts or weights_averaged):
            momentum, self.momentum = self.momentum, 1.0
            self.normalize(X.copy(), weight)
            self.momentum = momentum
        return self.predict(X)

    def average(self, X: Array) -> Array:
        """Return the weighted mean of X over the samples, in the shape of a vector of the layer."""
        mean = self.p @ X
        return mean if X.ndim == 2 else mean[..., None, :]

    @abstractmethod
    def apply(self, X: Array, mean: Array) -> Array:
        """Return Xhat for this mean.

        The variances or covariances are those of the batch, which also update the running ones, or without
        `uses_batch` the running ones.
        """

    def follow(self, running: Array, batch: Array) -> None:
        """Move a running average towards the batch's statistic.

        With a momentum of 1 the statistic replaces it, even if it was NaN.
        """
        if self.momentum == 1:
            running[...] = batch
        else:
            running += self.momentum * (batch - running)


class BatchNorm(BatchStatistics):
    """Xhat = (X - E[X]) / sqrt(Var[X] + eps), of each unit over the samples [1]_.

    Backward, with r = 1 / sqrt(Var[X] + eps)::

        dX = gamma r (dY - p (dbeta + Xhat dgamma))

    and dX = gamma r dY if the running averages were used, which do not depend on X.

    References
    ----------
    .. [1] Ioffe & Szegedy (2015), Batch Normalization: Accelerating Deep Network Training by Reducing
       Internal Covariate Shift, arXiv:1502.03167, algorithms 1 and 2.
    """

    kind = "batchnorm"

    running_var: Array  # (units,), a view of the network's statistics

    r: Array  # (units,)

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 1, eps: float = 1e-5) -> None:
        super().__init__(units, momentum, group_size, eps)
        self.statistics |= {"running_var": (units,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_var[...] = 1

    def apply(self, X: Array, mean: Array) -> Array:
        if self.uses_batch:
            var = np.empty_like(mean)
            centre(X, mean, self.p, var, self.buffer("Y", X.shape, X.dtype))
            self.follow(self.running_var, self.unbiased * var)
        else:
            X -= mean
            var = self.running_var
        self.r = 1 / np.sqrt(var + self.eps)
        X *= self.r
        return X

    def differentiate(self, dY: Array, work: Array) -> Array:
        if self.uses_batch:
            batch_gradient(dY, self.Xhat, self.dgamma, self.dbeta, self.gamma * self.r, self.p, work)
        else:
            dY *= self.gamma * self.r
        return dY

    def predict(self, X: Array) -> Array:
        slope = self.gamma / np.sqrt(self.running_var + self.eps)
        X *= slope
        X += self.beta - slope * self.running_mean
        return X


@kernel
def scale_and_shift(X: Array, scale: Array, shift: Array, out: Array) -> None:
    """Write X scale + shift to `out`."""
    np.multiply(X, scale, out=out)
    out += shift


@kernel
def centre(X: Array, mean: Array, p: Array, var: Array, work: Array) -> None:
    """Subtract the mean from X and write the variance, weighted by p, to `var`."""
    X -= mean
    var[...] = np.matmul(p, np.multiply(X, X, out=work)).reshape(var.shape)


@kernel
def batch_gradient(
    dY: Array, Xhat: Array, dgamma: Array, dbeta: Array, factor: Array, p: Array, work: Array
) -> None:
    """Write factor (dY - p (dbeta + Xhat dgamma)) to dY."""
    scale_and_shift(Xhat, dgamma, dbeta, work)
    work *= p[:, None]
    dY -= work
    dY *= factor


class GroupStatistics(BatchStatistics):
    """Normalisation by covariance matrices of groups of consecutive units.

    The last group may be smaller. ``running_cov`` has one row per unit: its covariances with the units of its
    group, in their order.

    If the units of a group are linearly dependent, their covariance matrix has directions without variance,
    which turn as the weights change. A running average over batches mixes these directions: it has small
    variances where the present weights give none, and whitening then multiplies noise by large factors. So
    the statistics for prediction are recomputed, see `Network.recomputed_statistics`.
    """

    drifts = True

    running_cov: Array  # (units, group_size), a view of the network's statistics

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 16, eps: float = 1e-5) -> None:
        super().__init__(units, momentum, group_size, eps)
        self.statistics |= {"running_cov": (units, self.group_size)}
        n_whole, rest = divmod(units, self.group_size)
        shapes = (n_whole, self.group_size), (1, rest)
        starts = 0, units - rest
        self.blocks = [(start, *shape) for start, shape in zip(starts, shapes, strict=True) if all(shape)]

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.running_cov[...] = 0
        for running in self.covariances():
            running[...] = np.eye(running.shape[-1])

    def split(self, X: Array) -> list[Array]:
        """Return views of X of shape (..., groups, samples, units of a group), one for each size of group."""
        return [
            X[..., start : start + n * size].reshape(*X.shape[:-1], n, size).swapaxes(-2, -3)
            for start, n, size in self.blocks
        ]

    def covariances(self) -> list[Array]:
        """Return views of running_cov of shape (..., groups, units, units), one for each size of group."""
        cov = self.running_cov
        return [
            cov[..., start : start + n * size, :size].reshape(*cov.shape[:-2], n, size, size)
            for start, n, size in self.blocks
        ]

    def covariance(self, X: Array, running: Array) -> Array:
        """Return the covariance of the centred groups in X if `uses_batch`, else the running covariance."""
        if not self.uses_batch:
            return running
        cov = transpose(X) @ (X * self.p[:, None])
        self.follow(running, self.unbiased * cov)
        return cov

    @property
    def rounding(self) -> np.floating:
        """The relative rounding error of the covariance in use: the batch's or the running one."""
        return np.finfo(self.running_cov.dtype).eps if self.uses_batch else RUNNING_ROUNDING


class BatchWhitening(GroupStatistics):
    """Xhat = (X - E[X]) C^-1/2, C = Cov[X] + eps I of each group of units over the samples: ZCA [1]_.

    With C = U A U^T, R = sqrt(A), W = U R^-1 U^T, and G = gamma dY, the backward is::

        dC = U (K * U^T (Xc^T G) U) U^T made symmetric, K_ij = -1 / (R_i R_j (R_i + R_j))
        dX = D - p sum(D) + 2 p Xc dC, D = G W

    K has no singularity where eigenvalues are equal. If the running averages were used, dX = G W.

    References
    ----------
    .. [1] Huang, Yang, Lang & Deng (2018), Decorrelated Batch Normalization, arXiv:1804.08450.
    """

    kind = "batchwhitening"

    saved: list[tuple[Array, Array, Array, Array]]  # Xc, U, R and W of each size of group

    def apply(self, X: Array, mean: Array) -> Array:
        Xc = np.subtract(X, mean, out=X)
        Xhat = self.buffer("Xhat", X.shape, X.dtype)
        self.saved = []
        for part, out, running in zip(self.split(Xc), self.split(Xhat), self.covariances(), strict=True):
            a, U = floored_eigh(self.covariance(part, running), self.rounding)
            R = np.sqrt(a + self.eps)
            W = (U / R[..., None, :]) @ transpose(U)
            np.matmul(part, W, out=out)
            self.saved.append((part, U, R, W))
        return Xhat

    def differentiate(self, dY: Array, work: Array) -> Array:
        G = np.multiply(dY, self.gamma, out=dY)
        for grad, D, (Xc, U, R, W) in zip(self.split(G), self.split(work), self.saved, strict=True):
            np.matmul(grad, W, out=D)
            if self.uses_batch:
                p = self.p[:, None]
                Ri, Rj = R[..., :, None], R[..., None, :]
                dA = transpose(U) @ (transpose(Xc) @ grad) @ U / (-Ri * Rj * (Ri + Rj))
                D -= p * D.sum(axis=-2, keepdims=True)
                D += p * (Xc @ (U @ (dA + transpose(dA)) @ transpose(U)))
        return work


class SwitchableWhitening(GroupStatistics):
    """Xhat = (X - m) C^-1/2, m and C mixtures of three normalisations with learned weights [1]_.

    With u = softmax(mean_logits), v = softmax(cov_logits), the mean b and the covariance S of the batch, and
    the mean l and the variance s of each sample over its units::

        m = (u1 + u2) b + u3 l,  C = v1 S + v2 diag(S) + v3 s I + eps I

    The first weights are those of batch whitening, the second those of batch normalisation, the third those
    of layer normalisation; the logits start at 1. s differs from sample to sample, but as it multiplies I,
    one eigendecomposition v1 S + v2 diag(S) = U L U^T serves all samples: with h = (X - m) U and r = sqrt(L +
    v3 s + eps), Xhat = (h / r) U^T. Backward, with G = gamma dY and g = G U::

        dA = U M U^T made symmetric, M_ij = -sum over the samples of (g_i / r_i) (h_j / r_j) / (r_i + r_j)
        ds = -1/2 sum over the units of g h / r^3,  D = (g / r) U^T
        dX = D - (u1 + u2) p sum(D) - u3 E[D] + 2 p (X - b) (v1 dA + v2 diag(dA)) + 2/units (X - l) v3 ds
        du1 = du2 = -<D, b>,  du3 = -<D, l>,  dv1 = <dA, S>,  dv2 = <dA, diag(S)>,  dv3 = sum ds s

    If the running averages were used, b and S do not depend on X, and the terms with p are left out.

    References
    ----------
    .. [1] Pan, Zhan, Shi, Tang & Luo (2019), Switchable Whitening for Deep Representation Learning,
       arXiv:1904.09739.
    """

    kind = "switchablewhitening"

    # The network sets these: the first two are views of its theta, the others of its grad.
    mean_logits: Array  # (3,)
    cov_logits: Array  # (3,)
    dmean_logits: Array  # as mean_logits
    dcov_logits: Array  # as cov_logits

    # Of the last forward.
    u: Array  # (3, 1), the weights of the means
    v: Array  # (3, 1), the weights of the covariances
    b: Array  # (units,), the mean of the batch
    l: Array  # noqa: E741  # (samples, 1), the mean of each sample
    s: Array  # (samples, 1), the variance of each sample
    Xb: Array  # (samples, units), X - b
    Xl: Array  # (samples, units), X - l
    saved: list[tuple[Array, Array, Array, Array]]  # S, U, r and h of each size of group

    def __init__(self, units: int, momentum: float = 0.1, group_size: int = 16, eps: float = 1e-5) -> None:
        super().__init__(units, momentum, group_size, eps)
        self.parameters |= {"mean_logits": (3,), "cov_logits": (3,)}

    def initialize(self, rng: Generator) -> None:
        super().initialize(rng)
        self.mean_logits[...] = 1
        self.cov_logits[...] = 1

    def apply(self, X: Array, mean: Array) -> Array:
        self.u, self.v = mixture(self.mean_logits), mixture(self.cov_logits)
        self.b, self.l = mean, row_means(X)
        self.Xb, self.Xl = X - self.b, X - self.l
        self.s = row_means(self.Xl * self.Xl)
        C = X - (self.u[0] + self.u[1]) * self.b - self.u[2] * self.l
        Xhat = self.buffer("Xhat", X.shape, X.dtype)
        self.saved = []
        shift = (self.v[2] * self.s + self.eps)[..., None, :, :]  # the same for each group
        v = self.v[..., None]
        parts = zip(self.split(C), self.split(self.Xb), self.split(Xhat), self.covariances(), strict=True)
        for part, Xb, out, running in parts:
            S = self.covariance(Xb, running)
            L, U = floored_eigh(v[0] * S + v[1] * only_diagonal(S), self.rounding)
            r = np.sqrt(L[..., None, :] + shift)
            h = part @ U
            h /= r
            np.matmul(h, transpose(U), out=out)
            self.saved.append((S, U, r, h))
        return Xhat

    def differentiate(self, dY: Array, work: Array) -> Array:
        G = np.multiply(dY, self.gamma, out=dY)
        u, v, by_group = self.u, self.v, self.v[..., None]
        du, dv, ds = np.empty_like(u), np.zeros_like(v), 0.0
        dXb = np.empty_like(work)
        parts = zip(*map(self.split, (G, work, self.Xb, dXb)), self.saved, strict=True)
        for grad, D, Xb, through_S, (S, U, r, h) in parts:
            g = grad @ U
            g /= r
            np.matmul(g, transpose(U), out=D)
            ds = ds - 0.5 * (g * h / r).sum(axis=-1).sum(axis=-2)[..., None]
            dA = U @ divided_products(g, h, r) @ transpose(U)
            dA = 0.5 * (dA + transpose(dA))
            dv[0] += total(dA * S, like=v[0])
            dv[1] += total(dA * only_diagonal(S), like=v[1])
            np.matmul(Xb, by_group[0] * dA + by_group[1] * only_diagonal(dA), out=through_S)
        column_sums, row_sums = work.sum(axis=-2, keepdims=True), work.sum(axis=-1, keepdims=True)
        du[:2] = -total(column_sums * self.b, like=u[0])
        du[2] = -total(row_sums * self.l, like=u[2])
        dv[2] = total(ds * self.s, like=v[2])
        self.dmean_logits[...] = mixture_backward(du, u)
        self.dcov_logits[...] = mixture_backward(dv, v)
        work -= (u[2] / self.units) * row_sums
        work += (2 / self.units * v[2]) * ds * self.Xl
        if self.uses_batch:
            p = self.p[:, None]
            work -= (u[0] + u[1]) * p * column_sums
            work += 2 * p * dXb
        return work


NORMALIZATIONS: dict[str, Callable[..., Normalization]] = {
    "batch": BatchNorm,
    "whiten": BatchWhitening,
    "switchable": SwitchableWhitening,
}


def mixture(logits: Array) -> Array:
    """Return softmax(logits) with the weights as the first axis; each broadcasts over samples and units."""
    return np.moveaxis(softmax(logits, axis=-1), -1, 0)[..., None]


def mixture_backward(dw: Array, w: Array) -> Array:
    """Return the gradient of the logits, w (dw - sum w dw), with the weights as the last axis again."""
    return np.moveaxis(w * (dw - (w * dw).sum(axis=0)), 0, -1)[..., 0, :]


def total(A: Array, like: Array) -> Array:
    """Sum A over all axes but that of the members, in the shape of a weight of the mixture."""
    return A.reshape(*like.shape[:-2], -1).sum(axis=-1).reshape(like.shape)


def row_means(X: Array) -> Array:
    """Return the mean of each row, computed by a product with 1/units, which is faster than `np.mean`."""
    units = X.shape[-1]
    return (X @ np.full(units, 1 / units, X.dtype))[..., None]


def floored_eigh(S: Array, eps: np.floating) -> tuple[Array, Array]:
    """Decompose positive semidefinite matrices; raise tiny eigenvalues to the rounding error of the largest.

    Otherwise directions whose variance is 0 up to rounding errors would be amplified. For matrices with
    numbers that are not finite, as in a training that diverges, the result is NaN, and so is the loss.
    """
    try:
        a, U = np.linalg.eigh(S)
    except np.linalg.LinAlgError:
        return np.full(S.shape[:-1], np.nan, S.dtype), np.full_like(S, np.nan)
    return np.maximum(a, 10 * S.shape[-1] * eps * a[..., -1:]), U


def divided_products(g: Array, h: Array, r: Array) -> Array:
    """Return M_ij = -sum over the samples of g_i h_j / (r_i + r_j), for each group.

    Computed group by group, so that the products of one group, (samples, units, units), stay in the cache.
    """
    M = np.empty((*g.shape[:-2], g.shape[-1], g.shape[-1]), g.dtype)
    for group in np.ndindex(g.shape[:-2]):
        products = g[group][:, :, None] * h[group][:, None, :]
        products /= r[group][:, :, None] + r[group][:, None, :]
        M[group] = -products.sum(axis=0)
    return M


def only_diagonal(S: Array) -> Array:
    """Return S with zeros off the diagonal."""
    return S * np.eye(S.shape[-1], dtype=S.dtype)
