"""Temperature scaling: make probabilities right on rows that were not trained on."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import issparse

from sknn6.nn.losses import LOSSES
from sknn6.training.data import Data, SelectedRows
from sknn6.training.selection import samples_first

__all__ = ["find_temperature", "held_out_logits", "kept_rows", "left_out_logits", "parts_of_rows"]

# The logarithm of the temperature is assumed to be normally distributed around 0 with this deviation: before
# the rows are seen, about two thirds of all temperatures are expected between 0.6 and 1.65.
DEVIATION = 0.5
LARGEST = 10.0

# A member leaves out one of so many parts of the rows. With more parts, each network is trained on more rows,
# and fewer rows are left to find the temperature.
PARTS = 20


def parts_of_rows(n_rows: int, weight: NDArray | None, strata: NDArray | None, seed: int) -> NDArray:
    """Return for each row the number of its part, from 0 to 19; -1 if no member may leave it out.

    Each part has an equal share of each stratum. The only row of a stratum is never left out. Rows of weight
    0 are in no part.
    """
    rows = np.arange(n_rows) if weight is None else np.flatnonzero(weight)
    order = np.random.default_rng(seed).permutation(rows)
    part = np.full(n_rows, -1)
    if strata is not None:
        values, counts = np.unique(strata[rows], return_counts=True)
        order = order[np.isin(strata[order], values[counts > 1])]
        order = order[np.argsort(strata[order], kind="stable")]
    part[order] = np.arange(len(order)) % PARTS
    return part


def kept_rows(part: NDArray, members: int) -> NDArray:
    """Return an array of bool (n_rows, members) that says whether a member is trained on a row.

    The member k leaves out the part k; from 20 members on, parts are left out by several.
    """
    return part[:, None] != np.arange(members) % PARTS


def left_out_logits(network, data: Data, part: NDArray) -> tuple[NDArray, Data]:
    """Return the logits of each member for the rows that it left out, one below the other, and these rows."""
    logits, chosen = [], []
    for k in range(min(PARTS, network.members)):
        rows = np.flatnonzero(part == k)
        X = data.X[rows] if issparse(data.X) else SelectedRows(data.X, rows)
        Z = network.predict_in_blocks(X, samples_first)
        Z = Z[:, None] if Z.ndim == 2 else Z  # of a single network
        for member in range(k, network.members, PARTS):
            logits.append(Z[:, member])
            chosen.append(rows)
    return np.concatenate(logits), data._replace(X=None).take(np.concatenate(chosen))


def held_out_logits(network, data: Data) -> NDArray:
    """Return the logits of all members for rows that none of them was trained on."""
    Z = network.predict_in_blocks(data.X, samples_first)
    return Z if Z.ndim == 2 else Z.swapaxes(0, 1)


def find_temperature(Z: NDArray, y: NDArray, weight: NDArray | None, targets) -> float:
    """Return the temperature T at which the logits Z / T have the least cross-entropy [1]_.

    To n times the mean cross-entropy of n rows, (log T)^2 / (2 0.5^2) is added, as for a log T with a normal
    distribution of mean 0 and deviation 0.5. So a few rows cannot lead to an extreme temperature. With
    weights n is (sum w)^2 / sum w^2.

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
    loss = LOSSES[targets.out_activation].loss  # without label smoothing
    Z = Z.astype(float)
    if weight is not None:
        weight = weight / weight.max()  # no square is too large or too small
    n = len(y) if weight is None else weight.sum() ** 2 / np.square(weight).sum()

    def cost(log_T):
        mean = loss(targets.pool(Z * np.exp(-log_T)), y, weight)[0]
        return n * mean + 0.5 * (log_T / DEVIATION) ** 2

    most = np.log(LARGEST)
    found = minimize_scalar(cost, bounds=(-most, most), method="bounded")
    return float(np.exp(found.x)) if np.isfinite(found.fun) else 1.0
