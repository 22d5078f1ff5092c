"""Batch whitening: by the covariance of groups of units over the samples."""

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.normalization.group_statistics import GroupStatistics, floored_eigh
from sknn6.nn.products import transpose

__all__ = ["BatchWhitening"]


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
