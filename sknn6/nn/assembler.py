"""Write the operations of a network to tables for the interpreter, with the places of their arrays."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.categories import Embedding
from sknn6.nn.dense import Dense, Projection, ScaledDense
from sknn6.nn.layer import Layer
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.network import Network
from sknn6.nn.normalization import BatchNorm, LayerNorm, Normalization
from sknn6.nn.operations import (
    ACTIVATION_CODES,
    ADD,
    BRANCH,
    GELU,
    LAYER_CODES,
    MAXOUT,
    OPERATION,
    PRELU,
    READ_INPUT,
)

__all__ = ["functions_of", "operations_of", "parameters_of"]

# Fields of an operation, and the fields of the operation before it from which they are copied: an operation
# reads what the one before wrote, and writes its gradient where that one expects it.
CHAIN = {"units": "units", "source": "out", "dsource": "dout", "dout": "dout"}

# The kind of an operation, and the layer that it is written from.
Step = tuple[int, Layer]


def operations_of(network: Network, rows: int) -> tuple[Array, int]:
    """Return the operations of each member, of shape (members, operations), and how much memory they need.

    Parameters
    ----------
    network : Network
    rows : int
        Number of rows of the largest batch.
    """
    memory, dropouts = Memory(rows), count()
    memory.take(1)  # for the weights of the samples
    steps = [step for layer in network.layers if layer.per_member for step in steps_of(layer)]
    operations = np.full((network.members, len(steps)), -1, OPERATION)
    operations["member"] = np.arange(network.members)[:, None]
    branches: list[Array] = []  # of the residual blocks that have begun
    written: dict[Layer, Array] = {}
    for i, (kind, layer) in enumerate(steps):
        op = written[layer] = operations[:, i]
        op["kind"] = kind
        if i > 0:
            for field, of_before in CHAIN.items():
                op[field] = operations[of_before][:, i - 1]
        if kind == BRANCH:
            op["out"] = op["source"]
            branches.append(op)
        elif isinstance(layer, Residual):
            write_addition(op, layer, branches.pop(), written[layer.body[-1]])
        elif isinstance(layer, Projection):
            write_projection(op, layer, branches[-1], network, memory)
        elif isinstance(layer, Dense):
            write_dense(op, layer, next_outside_shortcuts(steps[i + 1 :]), network, memory)
        elif isinstance(layer, Embedding):
            write_embedding(op, layer, network, memory)
        elif isinstance(layer, Activate):
            write_activation(op, layer, network, memory)
        elif isinstance(layer, Normalization):
            write_normalization(op, layer, network, memory)
        elif isinstance(layer, Dropout):
            op["dropout"], op["threshold"] = next(dropouts), layer.threshold
            op["mask"] = memory.take(int(op["units"][0]))
        if op["out"][0] < 0:
            op["out"] = memory.take(int(op["units"][0]))
    return operations, memory.taken


def steps_of(layer: Layer) -> list[Step]:
    """Return the steps of a layer.

    Those of a residual block are a BRANCH, its body, its projection, and an ADD. The projection comes after
    the body, so that its backward reads its input before the gradient of the body overwrites it.
    """
    if not isinstance(layer, Residual):
        return [(LAYER_CODES[type(layer)], layer)]
    inside = layer.body if layer.projection is None else [*layer.body, layer.projection]
    return [(BRANCH, layer), *(step for each in inside for step in steps_of(each)), (ADD, layer)]


def next_outside_shortcuts(steps: list[Step]) -> Layer | None:
    """Return the next layer that is not part of a shortcut, None if there is none.

    Of the layers that read an output, its backward comes last, so it alone may write the gradient of the
    output over the output itself.
    """
    shortcut = Residual, Projection
    return next((layer for _, layer in steps if not isinstance(layer, shortcut)), None)


class Memory:
    """Allocates consecutive places in a vector.

    Parameters
    ----------
    rows : int
        Number of rows of the largest batch.
    """

    def __init__(self, rows: int) -> None:
        self.rows, self.taken = rows, 0

    def take(self, columns: int) -> int:
        """Return the place of an array with a number of columns and a row for each row of the batch."""
        return self.take_numbers(self.rows * columns)

    def take_numbers(self, size: int) -> int:
        """Return the place of an array with `size` numbers."""
        start = self.taken
        self.taken += size
        return start


def write_dense(op: Array, layer: Dense, after: Layer | None, network: Network, memory: Memory) -> None:
    """Write the fields of a linear map and of the places of its output and gradient."""
    write_map(op, layer, network)
    op["out"] = memory.take(layer.width)
    op["dout"] = op["out"] if may_overwrite_input(after) else memory.take(layer.width)
    if isinstance(layer, ScaledDense):
        op["u"] = places(network, layer, "u")
        op["V"] = memory.take_numbers(layer.fan_in * layer.width)


def write_map(op: Array, layer: Dense, network: Network) -> None:
    """Write the sizes and parameters of a linear map."""
    op["fan_in"], op["units"], op["gradient_from"] = layer.fan_in, layer.width, layer.gradient_from or 0
    op["W"], op["b"] = places(network, layer, "W"), places(network, layer, "b")


def write_projection(op: Array, layer: Projection, branch: Array, network: Network, memory: Memory) -> None:
    """Write the fields of the linear map of a shortcut."""
    write_map(op, layer, network)
    op["source"], op["dsource"] = branch["out"], memory.take(layer.fan_in)
    branch["dshortcut"] = op["dsource"]


def write_addition(op: Array, layer: Residual, branch: Array, body: Array) -> None:
    """Write the fields of the sum of a shortcut and a body; it takes the place of the body's output."""
    op["out"] = body["out"]
    if layer.projection is None:
        op["source"], branch["dshortcut"] = branch["out"], op["dout"]


def may_overwrite_input(layer: Layer | None) -> bool:
    """Return whether the gradient of a layer's input may take the place of the input."""
    if isinstance(layer, Activate):
        return ACTIVATION_CODES[functions_of(layer)] not in READ_INPUT
    return isinstance(layer, Normalization)


def write_embedding(op: Array, layer: Embedding, network: Network, memory: Memory) -> None:
    """Write the fields of a layer of learned vectors."""
    op["before"], op["units"], op["categories"] = layer.before, layer.width, layer.E.shape[-2]
    op["E"], op["s"] = places(network, layer, "E"), places(network, layer, "s")
    op["dout"] = memory.take(layer.width - layer.learned_from)


def write_activation(op: Array, layer: Activate, network: Network, memory: Memory) -> None:
    """Write the fields of a nonlinearity."""
    number = op["activation"] = ACTIVATION_CODES[functions_of(layer)]
    if number == MAXOUT:
        op["units"] //= 2
        op["dout"], op["mask"] = (memory.take(int(op["units"][0])) for _ in range(2))
    elif number == GELU:
        op["cdf"] = memory.take(int(op["units"][0]))
    elif number == PRELU:
        (slope,) = layer.parameters
        op["slope"] = places(network, layer, slope)


def functions_of(layer: Activate) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two functions of an activation."""
    return layer.activation.forward, layer.activation.backward


def write_normalization(op: Array, layer: Normalization, network: Network, memory: Memory) -> None:
    """Write the fields of a normalisation."""
    op["gamma"], op["beta"] = places(network, layer, "gamma"), places(network, layer, "beta")
    op["eps"] = layer.eps
    op["Xhat"] = memory.take(layer.units)
    if isinstance(layer, LayerNorm):
        op["r"] = memory.take(1)
    elif isinstance(layer, BatchNorm):
        op["momentum"] = layer.momentum
        op["mean"] = places(network, layer, "running_mean")
        op["var"] = places(network, layer, "running_var")
        op["r"], op["mean_of_batch"] = (memory.take_numbers(layer.units) for _ in range(2))


def parameters_of(network: Network) -> Array:
    """Return for each array of each member its start in theta, its size, and whether it decays.

    The shape is (members, arrays, 3).
    """
    arrays = [(leaf, name) for leaf in network.leaves for name in leaf.parameters]
    parameters = np.empty((network.members, len(arrays), 3), np.int64)
    for i, (leaf, name) in enumerate(arrays):
        array = getattr(leaf, name)
        parameters[:, i, 0] = places(network, leaf, name)
        parameters[:, i, 1:] = array.size // network.members, name in leaf.decayed
    return parameters


def places(network: Network, layer: Layer, name: str) -> Array:
    """Return where each member's part of an array of a layer starts, in theta or in the statistics."""
    size = getattr(layer, name).size // network.members
    return network.starts[layer, name] + size * np.arange(network.members)
