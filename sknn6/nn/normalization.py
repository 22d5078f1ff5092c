"""Layers that normalise what passes through them."""

import numpy as np

from sknn6.nn.layers import Layer

__all__ = ["BatchNorm"]


class BatchNorm(Layer):
    """Y = gamma Xhat + beta, Xhat = (X - E[X]) / sqrt(Var[X] + eps), per unit, over the samples [1]_.

    In training, E and Var (biased) are the batch's, weighted by the samples' weights; running averages
    follow them, new = (1 - momentum) old + momentum batch, the variance there being unbiased. Prediction,
    and a batch of one row, which has no variance, use the running averages.

    Backward, with p the normalised weights of the samples (1/n) and r = 1 / sqrt(Var[X] + eps)::

        dgamma = sum dY Xhat,  dbeta = sum dY
        dX = gamma r (dY - p (dbeta + Xhat dgamma))

    and dX = gamma r dY where the running averages were used, which do not depend on X.

    Parameters
    ----------
    units : int
        Units to normalise.
    momentum : float
        Weight of the new batch in the running averages.
    eps : float
        Added to the variance.

    References
    ----------
    .. [1] Ioffe & Szegedy (2015), Batch Normalization: Accelerating Deep Network Training by Reducing
       Internal Covariate Shift, arXiv:1502.03167, algorithms 1 and 2.
    """

    def __init__(self, units, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.parameters = {"gamma": (units,), "beta": (units,)}
        self.statistics = {"running_mean": (units,), "running_var": (units,)}

    def initialize(self, rng):
        self.gamma[...] = 1
        self.beta[...] = 0
        self.running_mean[...] = 0
        self.running_var[...] = 1

    def forward(self, X, weight=None):
        self.averages = self.training and X.shape[-2] > 1
        Xhat, Y = X, self.buffer("Y", X.shape, X.dtype)
        if self.averages:
            total = X.shape[-2] if weight is None else float(weight.sum())
            self.p = self._normalised(X, weight, total)
            mean = self.p @ X
            np.subtract(X, mean, out=Xhat)
            var = self.p @ np.multiply(Xhat, Xhat, out=Y)
            self._follow(mean, var, total)
        else:
            var = self.running_var
            np.subtract(X, self.running_mean, out=Xhat)
        self.r = 1 / np.sqrt(var + self.eps)
        Xhat *= self.r
        self.Xhat = Xhat
        np.multiply(Xhat, self.gamma, out=Y)
        Y += self.beta
        return Y

    def backward(self, dY):
        work = self.buffer("dX", dY.shape, dY.dtype)
        self.sum_samples(dY, out=self.dbeta)
        self.sum_samples(np.multiply(dY, self.Xhat, out=work), out=self.dgamma)
        if self.averages:
            np.multiply(self.Xhat, self.dgamma, out=work)
            work += self.dbeta
            work *= self.p[:, None]
            dY -= work
        dY *= self.gamma * self.r
        return dY

    def predict(self, X):
        slope = self.gamma / np.sqrt(self.running_var + self.eps)
        X *= slope
        X += self.beta - slope * self.running_mean
        return X

    def _normalised(self, X, weight, total):
        if weight is None:
            return np.full(X.shape[-2], 1 / total, X.dtype)
        return (weight / total).astype(X.dtype, copy=False)

    def _follow(self, mean, var, total):
        """Let the running averages follow the batch's.

        total / (total - 1) makes the variance unbiased where weights count repetitions; it is held at
        its value for two samples where the weights sum to less.
        """
        unbiased = total / max(total - 1, total / 2)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (unbiased * var - self.running_var)
