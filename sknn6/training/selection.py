"""Ensemble selection: keep the networks that together predict unseen rows best."""

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.training.targets import Targets

__all__ = ["select"]


def select(Z: Array, y: Array, weight: Array | None, targets: Targets) -> list[int]:
    """Return the indices of the candidates whose pooled prediction has a low loss on rows unseen by them.

    Greedy forward selection: start with the best candidate, then add the one that lowers the loss most, as
    long as the loss falls [1]_. Among equal candidates the last one is kept.

    Parameters
    ----------
    Z : ndarray of shape (candidates, n_rows, n_outputs)
        The logits of each candidate.
    y : ndarray of shape (n_rows, ...)
        The encoded targets.
    weight : ndarray of shape (n_rows,) or None
    targets : Targets

    Returns
    -------
    list of int
        In ascending order, at least one.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble Selection from Libraries of Models,
       ICML 2004.
    """

    def loss(candidates: list[int]) -> float:
        value = targets.plain_loss(targets.pool(Z[candidates]), y, weight)[0]
        return np.inf if np.isnan(value) else value

    kept: list[int] = []
    least = np.inf
    while len(kept) < len(Z):
        # From the last one on, because `min` returns the first of equal losses.
        losses = {i: loss([*kept, i]) for i in reversed(range(len(Z))) if i not in kept}
        best = min(losses, key=losses.__getitem__)
        if kept and not losses[best] < least:
            break
        kept, least = [*kept, best], losses[best]
    return sorted(kept)
