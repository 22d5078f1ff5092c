"""Temperature scaling: make probabilities right on rows that were not trained on."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from sknn6.nn.losses import LOSSES
from sknn6.training.data import Data
from sknn6.training.selection import samples_first

__all__ = ["find_temperature", "held_out_logits", "kept_rows", "left_out_logits"]

# The logarithm of the temperature is assumed to be normally distributed around 0 with this deviation: before
# the rows are seen, about two thirds of all temperatures are expected between 0.6 and 1.65.
DEVIATION = 0.5
LARGEST = 10.0

# A member leaves out one of so many parts of the rows. With more parts the networks learn more, and fewer
# rows tell the temperature.
PARTS = 20


def kept_rows(n_rows: int, strata: NDArray | None, members: int, seed: int) -> NDArray:
    """Return an array of bool (n_rows, members) that says whether a member is trained on a row.

    The rows are divided into twenty parts, with equal shares of each stratum. Each member leaves out another
    part, as long as there are enough of them.
    """
    order = np.random.default_rng(seed).permutation(n_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    part = np.empty(n_rows, int)
    part[order] = np.arange(n_rows) % PARTS
    return part[:, None] != np.arange(members) % PARTS


def left_out_logits(network, data: Data, kept: NDArray) -> tuple[NDArray, Data]:
    """Return the logits of each member for the rows that it left out, one below the other, and these rows."""
    rows = np.flatnonzero(~kept.all(axis=1))
    Z = network.predict_in_blocks(data.X[rows], samples_first)
    Z = Z[:, None] if Z.ndim == 2 else Z  # of a single network
    row, member = np.nonzero(~kept[rows])
    return Z[row, member], data._replace(X=None).take(rows[row])


def held_out_logits(network, data: Data) -> NDArray:
    """Return the logits of all members for rows that none of them was trained on."""
    Z = network.predict_in_blocks(data.X, samples_first)
    return Z if Z.ndim == 2 else Z.swapaxes(0, 1)


def find_temperature(Z: NDArray, data: Data, targets) -> float:
    """Return the temperature T at which the logits Z / T have the least cross-entropy [1]_.

    To the cross-entropy of n rows, n times its mean, -log p(T) is added, where log T has the normal
    distribution of mean 0 and deviation 0.5. So a few rows cannot lead to an extreme temperature.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_outputs) or (members, n_rows, n_outputs)
        Logits of rows that were not trained on. Those of several members are divided by T, then pooled.
    data : Data
        The encoded targets and weights of these rows.
    targets : Targets

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, arXiv:1706.04599.
    """
    loss = LOSSES[targets.out_activation].loss  # without label smoothing
    Z = Z.astype(float)

    def cost(log_T):
        mean = loss(targets.pool(Z * np.exp(-log_T)), data.y, data.weight)[0]
        return len(data.y) * mean + 0.5 * (log_T / DEVIATION) ** 2

    most = np.log(LARGEST)
    found = minimize_scalar(cost, bounds=(-most, most), method="bounded")
    return float(np.exp(found.x)) if np.isfinite(found.fun) else 1.0
