"""Compress the attributes of an estimator for a pickle, so that it holds little but the weights."""

from typing import Any

from sknn6.packing import compress, decompress, pack, unpack
from sknn6.training.scaling import Moments

__all__ = ["pack_state", "unpack_state"]

# Attributes that repeat a column of the history, so that a pickle needs only the name of the column.
CURVES = {"loss_curve_": "loss", "validation_scores_": "validation_score"}

# Attributes with the moments of the columns of X and of the targets, while they can still change.
MOMENTS = ("_moments", "_target_moments")


def pack_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator, with curves and optimizer state compressed."""
    state = dict(state)
    if "history_" in state:
        records = state["history_"]
        for curve, key in CURVES.items():
            if state.get(curve) == [record.get(key) for record in records]:
                state[curve] = key
        state["history_"] = pack(records)
    if state.get("_optimizer_state"):
        state["_optimizer_state"] = compress(state["_optimizer_state"])
    for name in MOMENTS:
        if state.get(name):
            state[name] = dict(vars(state[name]))  # plain data, which skops knows
    return state


def unpack_state(state: dict[str, Any]) -> dict[str, Any]:
    """Undo `pack_state`."""
    state = dict(state)
    if "history_" in state:
        state["history_"] = unpack(state["history_"])
        for curve, key in CURVES.items():
            if state.get(curve) == key:
                state[curve] = [record[key] for record in state["history_"]]
    if state.get("_optimizer_state"):
        state["_optimizer_state"] = decompress(state["_optimizer_state"])
    for name in MOMENTS:
        if state.get(name):
            state[name] = Moments(**state[name])
    return state
