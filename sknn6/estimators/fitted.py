"""Convert a network to the attributes of a fitted estimator, and back."""

from operator import is_
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from sknn6.nn.annotations import Array
from sknn6.nn.architecture import Architecture
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.tables import Columns
from sknn6.training.targets import Targets

__all__ = [
    "architecture_of", "arrays_of", "attributes_of", "bins_of", "columns_filling_means", "columns_of",
    "features_of_rows", "network_of", "predicting_network", "scaling_of", "squared_weights", "state_of",
    "structure_of", "targets_of",
]  # fmt: skip


def attributes_of(
    network: Network, architecture: Architecture, dtype: np.dtype, others: dict[str, Array]
) -> dict[str, Any]:
    """Return the fitted attributes that hold a network, cast to a dtype and clipped to its range."""
    most = np.finfo(dtype).max
    arrays = {
        name: np.clip(array, -most, most, out=np.empty(array.shape, dtype), casting="same_kind")
        for name, array in network.arrays().items()
    }
    n_dense = len(architecture.hidden) + 1
    coefs = [arrays.pop(f"dense_{i}.W") for i in range(n_dense)]
    intercepts = [arrays.pop(f"dense_{i}.b") for i in range(n_dense)]
    scaling = network.input_scaling
    if scaling is not None:
        arrays |= {"input.mean": scaling.mean, "input.scale": scaling.scale}
    arrays |= others
    return {
        "_structure": dict(vars(architecture)),  # plain data, which skops knows
        "n_layers_": n_dense + 1,
        "coefs_": coefs,
        "intercepts_": intercepts if network.members == 1 else [b[:, 0] for b in intercepts],
        "layer_state_": arrays,
    }


def state_of(estimator: Any) -> dict[str, Array]:
    """Return the fitted arrays beside coefs_ and intercepts_, none if those have been set by the user."""
    return getattr(estimator, "layer_state_", {})


def structure_of(estimator: Any) -> dict[str, Any]:
    """Return the fields of the fitted architecture, none if coefs_ have been set before any fit."""
    return getattr(estimator, "_structure", {})


def arrays_of(estimator: Any) -> dict[str, Array]:
    """Return the fitted arrays by the names of `Network.arrays`; coefs_ and intercepts_ may be the user's."""
    arrays = dict(state_of(estimator))
    for i, (W, b) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        arrays |= {f"dense_{i}.W": W, f"dense_{i}.b": b if np.ndim(W) == 2 else np.asarray(b)[:, None]}
    return arrays


def scaling_of(estimator: Any) -> InputScaling | None:
    """Return the input scaling of the fitted network, or None if there is none."""
    state = state_of(estimator)
    return InputScaling(state["input.mean"], state["input.scale"]) if "input.mean" in state else None


def targets_of(estimator: Any) -> Targets:
    """Return the `Targets` of a fitted estimator."""
    return estimator._fitted_targets()


def architecture_of(estimator: Any) -> Architecture:
    """Return the architecture of the fitted network."""
    return Architecture(**estimator._structure)


def bins_of(estimator: Any) -> list[int] | None:
    """Return the number of intervals of each input in the fitted embedding, None without an embedding."""
    return structure_of(estimator).get("bins")


def columns_of(estimator: Any) -> Columns | None:
    """Return the `Columns` of the fitted table, None if all were numbers and none was missing.

    Also None for estimators other than networks, which take no tables.
    """
    table = getattr(estimator, "_table", None)
    return None if table is None else Columns(**table)


def columns_filling_means(estimator: Any) -> Columns | None:
    """Return the `Columns` that replace missing numbers by means, if `fit` had numbers only and none missing.

    The means are those of the input scaling. The result is None without a scaling, for a network fitted on
    sparse rows (their means are not stored), and with categorical_features=None, which allows no missing
    numbers.
    """
    scaling = scaling_of(estimator)
    if scaling is None or estimator._table is not None or estimator.categorical_features is None:
        return None
    if not scaling.mean.any():
        return None
    return Columns.filling(scaling.mean)


def features_of_rows(estimator: Any) -> Array:
    """Return for each row of the first layer's weights the index of the feature that it belongs to."""
    sources = architecture_of(estimator).sources()
    columns = columns_of(estimator)
    return sources if columns is None else np.array(columns.sources)[sources]


def network_of(estimator: Any, dtype: DTypeLike) -> Network:
    """Return the network of a fitted estimator, for predictions in a dtype."""
    network = architecture_of(estimator).build(input_scaling=scaling_of(estimator))
    return network.attach(arrays_of(estimator), dtype)


def squared_weights(estimator: Any) -> Array:
    """Return the squares of each feature's weights in the first layer, of shape (networks, features, units).

    Learned factors are included. A feature with several rows in the matrix has the sums of their squares.
    """
    W = network_of(estimator, np.float64).dense()[0].weights()
    features = features_of_rows(estimator)
    rows, shape = np.arange(len(features)), (estimator.n_features_in_, len(features))
    of_feature = csr_array((np.ones(len(features)), (features, rows)), shape=shape)
    return np.array([of_feature @ np.square(of_network) for of_network in W.reshape(-1, *W.shape[-2:])])


# The network of the last prediction of each estimator, and the objects that it was made of.
LAST: WeakKeyDictionary[Any, tuple[list[Any], Network]] = WeakKeyDictionary()


def predicting_network(estimator: Any, dtype: DTypeLike) -> Network:
    """Return the network of a fitted estimator, the one of the last prediction if it is still the same.

    Building one takes as long as predicting a row in a small network. The kept network uses the estimator's
    arrays without copying, so that changes in place take effect. So a network whose arrays had to be cast is
    not kept.
    """
    if type(estimator).__hash__ is None:  # a class with __eq__ and no __hash__ cannot be a key
        return network_of(estimator, dtype)
    state = state_of(estimator)
    parts = [estimator._structure, *estimator.coefs_, *estimator.intercepts_, *state.values()]
    made_of, kept = LAST.get(estimator, ([], None))
    unchanged = len(made_of) == len(parts) and all(map(is_, made_of, parts))
    if kept is not None and unchanged and kept.dtype == dtype:
        return kept
    network, arrays = network_of(estimator, dtype), arrays_of(estimator)
    if all(np.may_share_memory(array, arrays[name]) for name, array in network.arrays().items()):
        LAST[estimator] = parts, network
    return network
