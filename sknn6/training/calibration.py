"""Temperature scaling: make probabilities right on rows that were not trained on."""

import numpy as np
from scipy.optimize import minimize_scalar

from sknn6.nn.annotations import Array
from sknn6.training.targets import Targets

__all__ = ["find_temperature"]

# The logarithm of the temperature is assumed to be normally distributed around 0 with this deviation: before
# the rows are seen, about two thirds of all temperatures are expected between 0.6 and 1.65.
DEVIATION = 0.5
LARGEST = 10.0


def find_temperature(Z: Array, y: Array, weight: Array | None, targets: Targets) -> float:
    """Return the temperature T at which the logits Z / T have the least cross-entropy [1]_.

    The cost is n times the mean cross-entropy of the n rows plus (log T)^2 / (2 0.5^2). The second term
    stands for a normal prior of log T, with mean 0 and deviation 0.5, so that a few rows do not lead to an
    extreme temperature. With weights, n is the effective number of rows, (sum w)^2 / sum w^2.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_outputs) or (members, n_rows, n_outputs)
        Logits of rows that were not trained on. Those of several members are divided by T, then pooled.
    y : ndarray of shape (n_rows, ...)
        The encoded targets of these rows.
    weight : ndarray of shape (n_rows,) or None
    targets : Targets

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, arXiv:1706.04599.
    """
    Z = Z.astype(float)
    if weight is not None:
        weight = weight / weight.max()  # no square is too large or too small
    n = len(y) if weight is None else weight.sum() ** 2 / np.square(weight).sum()

    def cost(log_T: float) -> float:
        mean = targets.plain_loss(targets.pool(Z * np.exp(-log_T)), y, weight)[0]
        return n * mean + 0.5 * (log_T / DEVIATION) ** 2

    most = np.log(LARGEST)
    found = minimize_scalar(cost, bounds=(-most, most), method="bounded")
    return float(np.exp(found.x)) if np.isfinite(found.fun) else 1.0
