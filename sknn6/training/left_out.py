"""Rows that networks leave out: which network leaves out which rows, and the logits for them.

They show how well networks do on new rows, and each network is still trained on nearly all of them.
"""

import numpy as np
from scipy.sparse import issparse

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.network import Network
from sknn6.training.data import Data, SelectedRows

__all__ = ["PARTS", "held_out_logits", "kept_rows", "left_out_logits", "parts_of_rows"]

# A member leaves out one of so many parts of the rows. With more parts, each network is trained on more rows,
# and fewer rows are left to find the temperature.
PARTS = 20


def parts_of_rows(n_rows: int, weight: Array | None, strata: Array | None, seed: int) -> Array:
    """Return for each row the number of its part, from 0 to 19; -1 if no member may leave it out.

    Each part has an equal share of each stratum. The only row of a stratum is never left out. Rows of weight
    0 are in no part. If only one row has a weight, it is in no part either.
    """
    rows = np.arange(n_rows) if weight is None else np.flatnonzero(weight)
    order = np.random.default_rng(seed).permutation(rows)
    part = np.full(n_rows, -1)
    if len(rows) < 2:
        return part
    if strata is not None:
        values, counts = np.unique(strata[rows], return_counts=True)
        order = order[np.isin(strata[order], values[counts > 1])]
        order = order[np.argsort(strata[order], kind="stable")]
    part[order] = np.arange(len(order)) % PARTS
    return part


def kept_rows(part: Array, members: int) -> Array:
    """Return an array of bool (n_rows, members) that says whether a member is trained on a row.

    The member k leaves out the part k mod 20. With more than 20 members, several leave out the same part;
    with fewer, some parts are left out by none.
    """
    return part[:, None] != np.arange(members) % PARTS


def left_out_logits(network: Network, data: Data, part: Array) -> tuple[Array, Data]:
    """Return the logits of each member for the rows that it left out, one below the other, and these rows.

    At least one member must have left out a row.
    """
    logits, chosen = [], []
    for k in np.unique(part[(part >= 0) & (part < network.members)]):
        rows = np.flatnonzero(part == k)
        X = data.X[rows] if issparse(data.X) else SelectedRows(data.X, rows)
        Z = network.predict_in_blocks(X, samples_first)
        Z = Z[:, None] if Z.ndim == 2 else Z  # of a single network
        for member in range(k, network.members, PARTS):
            logits.append(Z[:, member])
            chosen.append(rows)
    return np.concatenate(logits), data._replace(X=None).take(np.concatenate(chosen))


def held_out_logits(network: Network, X: Rows | SelectedRows) -> Array:
    """Return the logits of all members for rows that none of them was trained on."""
    Z = network.predict_in_blocks(X, samples_first)
    return Z if Z.ndim == 2 else Z.swapaxes(0, 1)


def samples_first(Z: Array) -> Array:
    """Return logits with the samples first, then the members, if there are several, then the outputs."""
    return np.moveaxis(Z, -2, 0)
