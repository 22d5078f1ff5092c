"""What `fit` does after the last epoch: keep the optimizer's state, choose networks, calibrate them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sknn6.estimators.model import Model
from sknn6.estimators.target_scaling import multiply_outputs
from sknn6.nn.annotations import Array
from sknn6.nn.network import Snapshot
from sknn6.training.calibration import find_temperature
from sknn6.training.data import Data
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


def finish(model: Model, training: Training, data: Data) -> Model:
    """Choose and calibrate the networks after the last epoch, and keep the optimizer's state.

    Parameters
    ----------
    model : Model
        What the training has made, with all networks as they are at the end.
    training : Training
    data : Data
        The data of the training.

    Returns
    -------
    Model
        With the networks that are kept.
    """
    keep_optimizer(training, model.dtype)
    if not training.division.has_unseen:
        return model
    model, unseen = choose_networks(model, training, data)
    if training.division.calibrates:
        scale_temperature(model, training, unseen)
    return model


def keep_optimizer(training: Training, dtype: np.dtype) -> None:
    """Keep the optimizer's state for the next `partial_fit`, in a dtype not wider than that of X."""
    update, state = training.update, training.state
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
    identity = {"solver": training.settings.solver, "size": training.network.theta.size}
    state.optimizer = identity | {"t": update.optimizer.t} | narrow


def choose_networks(model: Model, training: Training, data: Data) -> tuple[Model, Unseen]:
    """Return the networks that together predict unseen rows best, and their logits for these rows.

    A candidate is a network at the end of a cycle. Networks that leave out rows of their own are one
    candidate together, because each of them alone has only few rows by which to choose.
    """
    network, members, selects = model.network, range(model.network.members), training.division.selects
    snapshots = [*training.state.snapshots, network.snapshot()]
    training.state.snapshots = []
    unseen = [unseen_rows(training, data, snapshot) for snapshot in snapshots]
    last = unseen[-1]
    if len(snapshots) == 1 and not selects:
        return model, last
    if selects:
        candidates = [[(snapshot, member)] for snapshot in snapshots for member in members]
        Z = np.concatenate([each.Z for each in unseen])
    else:
        candidates = [[(snapshot, member) for member in members] for snapshot in snapshots]
        Z = np.stack([each.Z for each in unseen])
    kept = select(Z, last.y, last.weight, model.targets)
    if selects or kept != [len(snapshots) - 1]:
        model = with_members(model, [pair for i in kept for pair in candidates[i]])
    return model, last._replace(Z=Z[kept] if len(kept) > 1 else Z[kept[0]])


def unseen_rows(training: Training, data: Data, snapshot: Snapshot) -> Unseen:
    """Return the unseen rows, with the logits of the network as it was at a snapshot."""
    network, division = training.network, training.division
    network.restore(snapshot)
    if division.part is not None:
        Z, rows = left_out_logits(network, data, division.part)
    else:
        assert division.held_out is not None  # see `Division.has_unseen`
        rows = division.held_out
        Z = held_out_logits(network, rows.X)
    return Unseen(Z.astype(np.float64), rows.y, rows.sample_weight)


def with_members(model: Model, kept: Sequence[tuple[Snapshot, int]]) -> Model:
    """Return the model with a network of the chosen members, each with its weights at a snapshot."""
    network, state = model.network, model.state
    architecture = replace(model.architecture, members=len(kept))
    chosen = architecture.build(input_scaling=network.input_scaling).allocate(network.dtype)
    for k, (snapshot, member) in enumerate(kept):
        network.restore(snapshot)
        network.copy_member(member, chosen, k)
    members = [member for _, member in kept]
    state.members = [state.members[i] for i in members] if state.members else members
    state.optimizer = None  # it belongs to other weights
    return replace(model, architecture=architecture, network=chosen)


def scale_temperature(model: Model, training: Training, unseen: Unseen) -> None:
    """Divide the logits by the temperature that suits unseen rows.

    class_weight is ignored, as in `score`.
    """
    network, targets = model.network, model.targets
    if training.division.part is not None:
        targets.oob_score = targets.score(targets.pool(unseen.Z), unseen.y, unseen.weight)
    targets.temperature = find_temperature(*unseen, targets)
    multiply_outputs(network, 1 / targets.temperature)
    lead = (model.state.optimizer or {}).get("lead")
    if lead is not None and network is training.network:
        with network.exchanged(lead):
            multiply_outputs(network, 1 / targets.temperature)
