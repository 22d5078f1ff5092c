"""Switchable whitening: a learned mixture of batch whitening, batch and layer normalisation."""

import numpy as np
from numpy.random import Generator
from scipy.special import softmax

from sknn6.nn.annotations import Array
from sknn6.nn.normalization.group_statistics import GroupStatistics, floored_eigh
from sknn6.nn.normalization.layer_norm import row_means
from sknn6.nn.products import transpose

__all__ = ["SwitchableWhitening", "mixture", "only_diagonal"]


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


def mixture(logits: Array) -> Array:
    """Return softmax(logits) with the weights as the first axis; each broadcasts over samples and units."""
    return np.moveaxis(softmax(logits, axis=-1), -1, 0)[..., None]


def mixture_backward(dw: Array, w: Array) -> Array:
    """Return the gradient of the logits, w (dw - sum w dw), with the weights as the last axis again."""
    return np.moveaxis(w * (dw - (w * dw).sum(axis=0)), 0, -1)[..., 0, :]


def total(A: Array, like: Array) -> Array:
    """Sum A over all axes but that of the members, in the shape of a weight of the mixture."""
    return A.reshape(*like.shape[:-2], -1).sum(axis=-1).reshape(like.shape)


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
