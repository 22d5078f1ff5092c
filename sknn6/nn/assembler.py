"""Write the operations of a network to tables for the interpreter, with the places of their arrays."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

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
    BRANCH,
    COMMON_ACTIVATIONS,
    COMMON_LAYERS,
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


def operations_of(network: Network, rows: int) -> tuple[Array, int]:
    """Return the operations of each member, of shape (members, operations), and how much memory they need.

    Parameters
    ----------
    network : Network
    rows : int
        Number of rows of the largest batch.
    """
    assembler = Assembler(network, rows)
    for i in range(len(assembler.steps)):
        assembler.write(i)
    return assembler.operations, assembler.memory.taken


class Assembler:
    """Writes the operations of a network one after the other.

    Parameters
    ----------
    network : Network
    rows : int
        Number of rows of the largest batch.

    Attributes
    ----------
    operations : ndarray of shape (members, operations)
    memory : Memory
        Has the places of all arrays of an update.
    steps : list of Step
    branches : list of ndarray
        The operations of the residual blocks that have begun.
    written : dict
        The operation of each layer.
    n_dropouts : int
        Number of dropout layers so far.
    """

    def __init__(self, network: Network, rows: int) -> None:
        self.network, self.memory = network, Memory(rows)
        self.memory.take(1)  # for the weights of the samples
        self.steps = [step for layer in network.layers if layer.per_member for step in steps_of(layer)]
        self.operations = np.full((network.members, len(self.steps)), -1, OPERATION)
        self.operations["member"] = np.arange(network.members)[:, None]
        self.branches: list[Array] = []
        self.written: dict[Layer, Array] = {}
        self.n_dropouts = 0

    def write(self, i: int) -> None:
        """Write operation i."""
        kind, write, layer = self.steps[i]
        op = self.written[layer] = self.operations[:, i]
        op["kind"], op["common"] = kind, kind in COMMON_LAYERS
        if i > 0:
            for field, of_before in CHAIN.items():
                op[field] = self.operations[of_before][:, i - 1]
        write(self, op, layer)
        if op["out"][0] < 0:
            op["out"] = self.memory.take(int(op["units"][0]))

    def places(self, layer: Layer, name: str) -> Array:
        """Return where each member's part of an array of a layer starts, in theta or in the statistics."""
        return places(self.network, layer, name)

    def layer_after(self, layer: Layer) -> Layer | None:
        """Return the next layer that is not part of a shortcut, None if there is none.

        Besides that layer, only shortcuts read the same output. Its backward runs after theirs, so it alone
        may overwrite the output with the output's gradient.
        """
        after = islice(self.steps, [step.layer for step in self.steps].index(layer) + 1, None)
        return next((step.layer for step in after if not isinstance(step.layer, Residual | Projection)), None)


# A writer gets the assembler, the operation of each member, an array of shape (members,), and the layer.
Writer = Callable[[Assembler, Array, Any], None]


class Step(NamedTuple):
    """An operation that is to be written: its kind, the function that writes it, and its layer."""

    kind: int
    write: Writer
    layer: Layer


def steps_of(layer: Layer) -> list[Step]:
    """Return the steps of a layer.

    Those of a residual block are a BRANCH, its body, its projection, and an ADD. The projection comes after
    the body, so that its backward reads its input before the gradient of the body overwrites it.
    """
    step = Step(LAYER_CODES[type(layer)], WRITERS[type(layer)], layer)
    if not isinstance(layer, Residual):
        return [step]
    inside = layer.body if layer.projection is None else [*layer.body, layer.projection]
    return [Step(BRANCH, write_branch, layer), *(inner for each in inside for inner in steps_of(each)), step]


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


def write_dense(assembler: Assembler, op: Array, layer: Dense) -> None:
    """Write the fields of a linear map and of the places of its output and gradient."""
    write_map(assembler, op, layer)
    op["out"] = assembler.memory.take(layer.width)
    overwrites = may_overwrite_input(assembler.layer_after(layer))
    op["dout"] = op["out"] if overwrites else assembler.memory.take(layer.width)


def write_scaled_dense(assembler: Assembler, op: Array, layer: ScaledDense) -> None:
    """Write the fields of a linear map with learned factors of the features."""
    write_dense(assembler, op, layer)
    op["u"] = assembler.places(layer, "u")
    op["V"] = assembler.memory.take_numbers(layer.fan_in * layer.width)


def write_map(assembler: Assembler, op: Array, layer: Dense) -> None:
    """Write the sizes and parameters of a linear map."""
    op["fan_in"], op["units"], op["gradient_from"] = layer.fan_in, layer.width, layer.gradient_from or 0
    op["W"], op["b"] = assembler.places(layer, "W"), assembler.places(layer, "b")


def may_overwrite_input(layer: Layer | None) -> bool:
    """Return whether the gradient of a layer's input may take the place of the input."""
    if isinstance(layer, Activate):
        return ACTIVATION_CODES[functions_of(layer)] not in READ_INPUT
    return isinstance(layer, Normalization)


def write_branch(assembler: Assembler, op: Array, layer: Residual) -> None:
    """Begin a residual block, whose body and shortcut have the same input."""
    op["out"] = op["source"]
    assembler.branches.append(op)


def write_projection(assembler: Assembler, op: Array, layer: Projection) -> None:
    """Write the fields of the linear map of a shortcut."""
    write_map(assembler, op, layer)
    branch = assembler.branches[-1]
    op["source"], op["dsource"] = branch["out"], assembler.memory.take(layer.fan_in)
    branch["dshortcut"] = op["dsource"]


def write_addition(assembler: Assembler, op: Array, layer: Residual) -> None:
    """Write the fields of the sum of a shortcut and a body; it takes the place of the body's output."""
    branch = assembler.branches.pop()
    op["out"] = assembler.written[layer.body[-1]]["out"]
    if layer.projection is None:
        op["source"], branch["dshortcut"] = branch["out"], op["dout"]


def write_embedding(assembler: Assembler, op: Array, layer: Embedding) -> None:
    """Write the fields of a layer of learned vectors."""
    op["before"], op["units"], op["categories"] = layer.before, layer.width, layer.E.shape[-2]
    op["E"], op["s"] = assembler.places(layer, "E"), assembler.places(layer, "s")
    op["dout"] = assembler.memory.take(layer.width - layer.learned_from)


def write_dropout(assembler: Assembler, op: Array, layer: Dropout) -> None:
    """Write the fields of dropout."""
    op["dropout"], op["threshold"] = assembler.n_dropouts, layer.threshold
    op["mask"] = assembler.memory.take(int(op["units"][0]))
    assembler.n_dropouts += 1


def write_activation(assembler: Assembler, op: Array, layer: Activate) -> None:
    """Write the fields of a nonlinearity."""
    number = op["activation"] = ACTIVATION_CODES[functions_of(layer)]
    op["common"] = number in COMMON_ACTIVATIONS
    if number == MAXOUT:
        op["units"] //= 2
        op["dout"], op["mask"] = (assembler.memory.take(int(op["units"][0])) for _ in range(2))
    elif number == GELU:
        op["cdf"] = assembler.memory.take(int(op["units"][0]))
    elif number == PRELU:
        (slope,) = layer.parameters
        op["slope"] = assembler.places(layer, slope)


def write_normalization(assembler: Assembler, op: Array, layer: Normalization) -> None:
    """Write the fields that both normalisations have."""
    op["gamma"], op["beta"] = assembler.places(layer, "gamma"), assembler.places(layer, "beta")
    op["eps"] = layer.eps
    op["Xhat"] = assembler.memory.take(layer.units)


def write_layernorm(assembler: Assembler, op: Array, layer: LayerNorm) -> None:
    """Write the fields of layer normalisation."""
    write_normalization(assembler, op, layer)
    op["r"] = assembler.memory.take(1)


def write_batchnorm(assembler: Assembler, op: Array, layer: BatchNorm) -> None:
    """Write the fields of batch normalisation."""
    write_normalization(assembler, op, layer)
    op["momentum"] = layer.momentum
    op["mean"] = assembler.places(layer, "running_mean")
    op["var"] = assembler.places(layer, "running_var")
    op["r"], op["mean_of_batch"] = (assembler.memory.take_numbers(layer.units) for _ in range(2))


# The function that writes the operation of each layer; of a residual block, that of its last operation.
WRITERS: dict[type[Layer], Writer] = {
    Dense: write_dense,
    ScaledDense: write_scaled_dense,
    Projection: write_projection,
    Residual: write_addition,
    Embedding: write_embedding,
    Activate: write_activation,
    Dropout: write_dropout,
    BatchNorm: write_batchnorm,
    LayerNorm: write_layernorm,
}


def functions_of(layer: Activate) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two functions of an activation."""
    return layer.activation.forward, layer.activation.backward


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
