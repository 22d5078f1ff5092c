"""What `fit` does after the last epoch: keep the optimizer's state, choose networks, calibrate them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sknn6.estimators.preparation import Prepared
from sknn6.estimators.target_scaling import multiply_outputs
from sknn6.nn.annotations import Array
from sknn6.nn.network import Snapshot
from sknn6.training.calibration import find_temperature
from sknn6.training.division import Division
from sknn6.training.left_out import held_out_logits, left_out_logits
from sknn6.training.selection import select
from sknn6.training.training import Training

__all__ = ["finish"]


class Unseen(NamedTuple):
    """Rows that networks were not trained on: their logits, targets and sample weights.

    Z, in float64, has the shape (n_rows, n_outputs), with the logits of each row by the network that left it
    out, or (networks, n_rows, n_outputs).
    """

    Z: Array
    y: Array
    weight: Array | None


def finish(prepared: Prepared, training: Training) -> Prepared:
    """Choose and calibrate the networks after the last epoch, and keep the optimizer's state.

    Returns
    -------
    Prepared
        With the network that is kept.
    """
    keep_optimizer(prepared, training)
    division = training.division
    if not division.has_unseen:
        return prepared
    prepared, unseen = choose_networks(prepared, training)
    if division.calibrates:
        scale_temperature(prepared, training, unseen)
    return prepared


def keep_optimizer(prepared: Prepared, training: Training) -> None:
    """Keep the optimizer's state for the next `partial_fit`, in a dtype not wider than that of X."""
    update, dtype, state = training.update, prepared.data.X.dtype, prepared.state
    restored = training.watches_validation and state.best is not None
    if update is None or training.torn or state.diverged or restored:
        # There is no state, or it is of other weights, or it led to numbers that are not finite.
        state.optimizer = None
        return
    vectors = update.optimizer.state | ({} if update.lead is None else {"lead": update.lead})
    narrow = {
        name: vector.astype(min(dtype, vector.dtype, key=lambda kind: kind.itemsize), copy=False)
        for name, vector in vectors.items()
    }
    identity = {"solver": prepared.settings.solver, "size": prepared.network.theta.size}
    state.optimizer = identity | {"t": update.optimizer.t} | narrow


def choose_networks(prepared: Prepared, training: Training) -> tuple[Prepared, Unseen]:
    """Return the networks that together predict unseen rows best, and their logits for these rows.

    A candidate is a network at the end of a cycle. Networks that leave out rows of their own are one
    candidate together, because each of them alone has only few rows by which to choose.
    """
    network, members, selects = prepared.network, range(prepared.network.members), training.division.selects
    snapshots = [*training.state.snapshots, network.snapshot()]
    training.state.snapshots = []
    unseen = [unseen_rows(prepared, training.division, snapshot) for snapshot in snapshots]
    last = unseen[-1]
    if len(snapshots) == 1 and not selects:
        return prepared, last
    if selects:
        candidates = [[(snapshot, member)] for snapshot in snapshots for member in members]
        Z = np.concatenate([each.Z for each in unseen])
    else:
        candidates = [[(snapshot, member) for member in members] for snapshot in snapshots]
        Z = np.stack([each.Z for each in unseen])
    kept = select(Z, last.y, last.weight, prepared.targets)
    if selects or kept != [len(snapshots) - 1]:
        prepared = with_members(prepared, [pair for i in kept for pair in candidates[i]])
    return prepared, last._replace(Z=Z[kept] if len(kept) > 1 else Z[kept[0]])


def unseen_rows(prepared: Prepared, division: Division, snapshot: Snapshot) -> Unseen:
    """Return the unseen rows, with the logits of a network as it was at a snapshot."""
    network = prepared.network
    network.restore(snapshot)
    if division.part is not None:
        Z, rows = left_out_logits(network, prepared.data, division.part)
    else:
        assert division.held_out is not None  # see `Division.has_unseen`
        rows = division.held_out
        Z = held_out_logits(network, rows.X)
    return Unseen(Z.astype(np.float64), rows.y, rows.sample_weight)


def with_members(prepared: Prepared, kept: Sequence[tuple[Snapshot, int]]) -> Prepared:
    """Return the training with a network of the chosen members, each with its weights at a snapshot."""
    network, state = prepared.network, prepared.state
    architecture = replace(prepared.architecture, members=len(kept))
    chosen = architecture.build(input_scaling=network.input_scaling).allocate(network.dtype)
    for k, (snapshot, member) in enumerate(kept):
        network.restore(snapshot)
        network.copy_member(member, chosen, k)
    members = [member for _, member in kept]
    state.members = [state.members[i] for i in members] if state.members else members
    state.optimizer = None  # it belongs to other weights
    return replace(prepared, architecture=architecture, network=chosen)


def scale_temperature(prepared: Prepared, training: Training, unseen: Unseen) -> None:
    """Divide the logits by the temperature that suits unseen rows.

    class_weight is ignored, as in `score`.
    """
    network, targets = prepared.network, prepared.targets
    if training.division.part is not None:
        targets.oob_score = targets.score(targets.pool(unseen.Z), unseen.y, unseen.weight)
    targets.temperature = find_temperature(*unseen, targets)
    multiply_outputs(network, 1 / targets.temperature)
    lead = (prepared.state.optimizer or {}).get("lead")
    if lead is not None and network is training.network:
        with network.exchanged(lead):
            multiply_outputs(network, 1 / targets.temperature)
