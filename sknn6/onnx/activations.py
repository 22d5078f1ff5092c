"""Activations as ONNX nodes: the registry of their names.

Each is a function ``f(graph, Z, *learned) -> A``. Z and A are names of tensors in the graph; the learned
parameters are arrays, in the order of `Activation.learned`. To add one, write the function and give it a row
in `NODES`.

The functions use only operators that ONNX Runtime implements in float32 and in float64. It implements Elu,
Selu, LeakyRelu, PRelu, Softplus, Erf, Gelu and Mish in float32 only.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sknn6.nn.activations import ACTIVATIONS, LEAK, SELU_ALPHA, SELU_SCALE, Activation
from sknn6.nn.annotations import Array

if TYPE_CHECKING:
    from sknn6.onnx.graph import Graph

__all__ = ["NODES", "activation_nodes"]


def identity(graph: "Graph", Z: str) -> str:
    """A = z."""
    return Z


def logistic(graph: "Graph", Z: str) -> str:
    """A = 1 / (1 + exp(-z))."""
    return graph("Sigmoid", Z)


def tanh(graph: "Graph", Z: str) -> str:
    """A = tanh(z)."""
    return graph("Tanh", Z)


def relu(graph: "Graph", Z: str) -> str:
    """A = max(z, 0)."""
    return graph("Relu", Z)


def leaky_relu(graph: "Graph", Z: str) -> str:
    """A = max(z, 0.01 z)."""
    return graph("Max", Z, graph("Mul", Z, LEAK))


def prelu(graph: "Graph", Z: str, slope: Array) -> str:
    """A = max(z, 0) + slope min(z, 0)."""
    return graph("Add", graph("Relu", Z), graph("Mul", graph("Min", Z, 0.0), slope))


def elu(graph: "Graph", Z: str, alpha: float = 1.0) -> str:
    """A = max(z, 0) + alpha (exp(min(z, 0)) - 1)."""
    negative = graph("Sub", graph("Exp", graph("Min", Z, 0.0)), 1.0)
    return graph("Add", graph("Relu", Z), graph("Mul", negative, alpha))


def selu(graph: "Graph", Z: str) -> str:
    """A = scale elu(z, alpha), with the constants of SELU."""
    return graph("Mul", elu(graph, Z, SELU_ALPHA), SELU_SCALE)


def maxout(graph: "Graph", Z: str) -> str:
    """A = max(z1, z2)."""
    number = {"num_outputs": 2} if graph.opset >= 18 else {}
    return graph("Max", *graph("Split", Z, n_outputs=2, axis=-1, **number))


def gelu(graph: "Graph", Z: str) -> str:
    """A = z (1 + erf(z / sqrt(2))) / 2, with erf in float32, to 1e-7."""
    erf = graph("Erf", graph.cast(graph("Mul", Z, math.sqrt(0.5)), np.float32))
    twice_cdf = graph("Add", graph.cast(erf, graph.dtype), 1.0)
    return graph("Mul", graph("Mul", Z, 0.5), twice_cdf)


def silu(graph: "Graph", Z: str) -> str:
    """A = z logistic(z) = z / 2 (1 + tanh(z / 2)).

    By tanh, because ONNX Runtime fuses z logistic(z) into an operator that old releases have in float32 only.
    """
    half = graph("Mul", Z, 0.5)
    return graph("Mul", half, graph("Add", graph("Tanh", half), 1.0))


def softplus(graph: "Graph", Z: str) -> str:
    """A = max(z, 0) + log(1 + exp(-|z|))."""
    tail = graph("Log", graph("Add", graph("Exp", graph("Neg", graph("Abs", Z))), 1.0))
    return graph("Add", graph("Relu", Z), tail)


def mish(graph: "Graph", Z: str) -> str:
    """A = z tanh(softplus(z))."""
    return graph("Mul", Z, graph("Tanh", softplus(graph, Z)))


NODES: dict[str, Callable[..., str]] = {
    "identity": identity,
    "logistic": logistic,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "maxout": maxout,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
}
NODES["sigmoid"] = NODES["logistic"]


def activation_nodes(activation: Activation) -> Callable[..., str]:
    """Return the function that adds the nodes of an Activation.

    Raises
    ------
    NotImplementedError
        If it has no row in `NODES`: nodes cannot be derived from a Python function.
    """
    for name, known in ACTIVATIONS.items():
        if known.forward is activation.forward and name in NODES:
            return NODES[name]
    given = getattr(activation.forward, "__name__", activation.forward)  # a partial has no name
    raise NotImplementedError(f"Export to ONNX needs activations among {sorted(NODES)}, got {given!r}.")
