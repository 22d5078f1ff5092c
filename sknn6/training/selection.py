"""Ensemble selection: keep the networks that together predict held-out rows best."""

import numpy as np

__all__ = ["select_members"]


def select_members(network, data, targets):
    """Return the indices of the members whose pooled prediction has a low loss on held-out data.

    Greedy forward selection: start with the best member, then add the member that lowers the loss most, as
    long as the loss falls [1]_.

    Parameters
    ----------
    network : Network
        A network of several members.
    data : Data
        Rows on which none of them was trained.
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
    Z = network.predict_in_blocks(data.X, samples_first).swapaxes(0, 1)

    def loss(members):
        return targets.loss(targets.pool(Z[members]), data.y, data.weight)[0]

    kept, least = [], np.inf
    while len(kept) < network.members:
        losses = {i: loss([*kept, i]) for i in range(network.members) if i not in kept}
        best = min(losses, key=losses.get)
        if kept and not losses[best] < least:
            break
        kept, least = [*kept, best], losses[best]
    return sorted(kept)


def samples_first(Z):
    """Return logits with the samples first, then the members, if there are several, then the outputs."""
    return np.moveaxis(Z, -2, 0)
