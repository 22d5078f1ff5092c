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

# The fields of an operation of the first member.
Fields = dict[str, Any]

# A field without a value is -1.
UNSET: Fields = dict.fromkeys(OPERATION.names or (), -1)

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
    for step in assembler.steps:
        assembler.write(step)
    return assembler.of_members(), assembler.memory.taken


# A writer gets the assembler, the operation and the layer.
Writer = Callable[["Assembler", Fields, Any], None]


class Step(NamedTuple):
    """An operation that is to be written: its kind, the function that writes it, and its layer."""

    kind: int
    write: Writer
    layer: Layer


class Assembler:
    """Writes the operations of a network one after the other.

    Parameters
    ----------
    network : Network
    rows : int
        Number of rows of the largest batch.

    Attributes
    ----------
    operations : list of dict
        Those of the first member, as far as they are written.
    sizes : dict
        The size of each array in theta or the statistics, by the index of the operation and its field.
    memory : Memory
        Has the places of all arrays of an update.
    steps : list of Step
    branches : list of dict
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
        self.operations: list[Fields] = []
        self.sizes: dict[tuple[int, str], int] = {}
        self.branches: list[Fields] = []
        self.written: dict[Layer, Fields] = {}
        self.n_dropouts = 0

    def write(self, step: Step) -> None:
        """Write an operation."""
        kind, write, layer = step
        op = self.written[layer] = UNSET | {"kind": kind, "common": kind in COMMON_LAYERS}
        if self.operations:
            op |= {field: self.operations[-1][of_before] for field, of_before in CHAIN.items()}
        self.operations.append(op)
        write(self, op, layer)
        if op["out"] < 0:
            op["out"] = self.memory.take(op["units"])

    def place(self, field: str, layer: Layer, name: str) -> None:
        """Write to a field of the last operation where an array of a layer starts."""
        i = len(self.operations) - 1
        self.operations[i][field], self.sizes[i, field] = place_of(self.network, layer, name)

    def of_members(self) -> Array:
        """Return the operations of all members, whose arrays follow each other."""
        first = np.array([tuple(op.values()) for op in self.operations], OPERATION)
        operations, k = first[None].repeat(self.network.members, 0), np.arange(self.network.members)
        operations["member"] = k[:, None]
        if self.network.members > 1:
            for (i, field), size in self.sizes.items():
                operations[field][:, i] += size * k
        return operations

    def layer_after(self, layer: Layer) -> Layer | None:
        """Return the next layer that is not part of a shortcut, None if there is none.

        Besides that layer, only shortcuts read the same output. Its backward runs after theirs, so it alone
        may overwrite the output with the output's gradient.
        """
        after = islice(self.steps, [step.layer for step in self.steps].index(layer) + 1, None)
        return next((step.layer for step in after if not isinstance(step.layer, Residual | Projection)), None)


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


def write_dense(assembler: Assembler, op: Fields, layer: Dense) -> None:
    """Write the fields of a linear map and of the places of its output and gradient."""
    write_map(assembler, op, layer)
    op["out"] = assembler.memory.take(layer.width)
    overwrites = may_overwrite_input(assembler.layer_after(layer))
    op["dout"] = op["out"] if overwrites else assembler.memory.take(layer.width)


def write_scaled_dense(assembler: Assembler, op: Fields, layer: ScaledDense) -> None:
    """Write the fields of a linear map with learned factors of the features."""
    write_dense(assembler, op, layer)
    assembler.place("u", layer, "u")
    op["V"] = assembler.memory.take_numbers(layer.fan_in * layer.width)


def write_map(assembler: Assembler, op: Fields, layer: Dense) -> None:
    """Write the sizes and parameters of a linear map."""
    op["fan_in"], op["units"], op["gradient_from"] = layer.fan_in, layer.width, layer.gradient_from or 0
    assembler.place("W", layer, "W")
    assembler.place("b", layer, "b")


def may_overwrite_input(layer: Layer | None) -> bool:
    """Return whether the gradient of a layer's input may take the place of the input."""
    if isinstance(layer, Activate):
        return ACTIVATION_CODES[functions_of(layer)] not in READ_INPUT
    return isinstance(layer, Normalization)


def write_branch(assembler: Assembler, op: Fields, layer: Residual) -> None:
    """Begin a residual block, whose body and shortcut have the same input."""
    op["out"] = op["source"]
    assembler.branches.append(op)


def write_projection(assembler: Assembler, op: Fields, layer: Projection) -> None:
    """Write the fields of the linear map of a shortcut."""
    write_map(assembler, op, layer)
    branch = assembler.branches[-1]
    op["source"], op["dsource"] = branch["out"], assembler.memory.take(layer.fan_in)
    branch["dshortcut"] = op["dsource"]


def write_addition(assembler: Assembler, op: Fields, layer: Residual) -> None:
    """Write the fields of the sum of a shortcut and a body; it takes the place of the body's output."""
    branch = assembler.branches.pop()
    op["out"] = assembler.written[layer.body[-1]]["out"]
    if layer.projection is None:
        op["source"], branch["dshortcut"] = branch["out"], op["dout"]


def write_embedding(assembler: Assembler, op: Fields, layer: Embedding) -> None:
    """Write the fields of a layer of learned vectors."""
    op["before"], op["units"], op["categories"] = layer.before, layer.width, layer.E.shape[-2]
    assembler.place("E", layer, "E")
    assembler.place("s", layer, "s")
    op["dout"] = assembler.memory.take(layer.width - layer.learned_from)


def write_dropout(assembler: Assembler, op: Fields, layer: Dropout) -> None:
    """Write the fields of dropout."""
    op["dropout"], op["threshold"] = assembler.n_dropouts, layer.threshold
    op["mask"] = assembler.memory.take(op["units"])
    assembler.n_dropouts += 1


def write_activation(assembler: Assembler, op: Fields, layer: Activate) -> None:
    """Write the fields of a nonlinearity."""
    number = op["activation"] = ACTIVATION_CODES[functions_of(layer)]
    op["common"] = number in COMMON_ACTIVATIONS
    if number == MAXOUT:
        op["units"] //= 2
        op["dout"], op["mask"] = (assembler.memory.take(op["units"]) for _ in range(2))
    elif number == GELU:
        op["cdf"] = assembler.memory.take(op["units"])
    elif number == PRELU:
        (slope,) = layer.parameters
        assembler.place("slope", layer, slope)


def write_normalization(assembler: Assembler, op: Fields, layer: Normalization) -> None:
    """Write the fields that both normalisations have."""
    assembler.place("gamma", layer, "gamma")
    assembler.place("beta", layer, "beta")
    op["eps"] = layer.eps
    op["Xhat"] = assembler.memory.take(layer.units)


def write_layernorm(assembler: Assembler, op: Fields, layer: LayerNorm) -> None:
    """Write the fields of layer normalisation."""
    write_normalization(assembler, op, layer)
    op["r"] = assembler.memory.take(1)


def write_batchnorm(assembler: Assembler, op: Fields, layer: BatchNorm) -> None:
    """Write the fields of batch normalisation."""
    write_normalization(assembler, op, layer)
    op["momentum"] = layer.momentum
    assembler.place("mean", layer, "running_mean")
    assembler.place("var", layer, "running_var")
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
    first = np.array(
        [(*place_of(network, leaf, name), name in leaf.decayed) for leaf, name in arrays], np.int64
    )
    parameters = first[None].repeat(network.members, 0)
    parameters[..., 0] += np.arange(network.members)[:, None] * first[:, 1]
    return parameters


def place_of(network: Network, layer: Layer, name: str) -> tuple[int, int]:
    """Return where an array of a layer starts, in theta or the statistics, and its size for each member."""
    return network.starts[layer, name], getattr(layer, name).size // network.members
