"""The ONNX nodes of each kind of layer, in prediction.

Each is a function ``f(graph, layer, X) -> Y``, where X and Y are names of tensors in the graph. To add a
layer, write the function and give it a row in `NODES`. A normalisation that is a linear map in prediction can
also have a row in `FOLDS`: a function that merges it into the linear layer before it.
"""

from collections.abc import Callable, Iterable
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.categories import Embedding, OneHot
from sknn6.nn.dense import Dense, Projection, ScaledDense
from sknn6.nn.inputs import CLIP, InputScaling
from sknn6.nn.layer import Layer
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.network import Network
from sknn6.nn.normalization import BatchNorm, BatchWhitening, LayerNorm, Normalization, SwitchableWhitening
from sknn6.nn.normalization.group_statistics import RUNNING_ROUNDING, floored_eigh
from sknn6.nn.normalization.switchable_whitening import mixture, only_diagonal
from sknn6.nn.piecewise import Piecewise
from sknn6.nn.products import transpose
from sknn6.onnx.activations import activation_nodes

if TYPE_CHECKING:
    from sknn6.onnx.graph import Graph

__all__ = ["FOLDS", "NODES", "bend", "network_nodes"]

# f(graph, layer, X) -> Y and f(layer, W, b) -> (W, b), each for one class of layers.
LayerNodes = Callable[["Graph", Any, str], str]
Fold = Callable[[Any, Array, Array], tuple[Array, Array]]


def network_nodes(graph: "Graph", network: Network) -> str:
    """Add the nodes of a network; return the name of its logits, made finite as in prediction."""
    X, scaling = graph.input, network.input_scaling
    if scaling is None:
        X = graph.cast(X, graph.dtype)
    else:
        X = scaled(graph, X, scaling, any(isinstance(layer, OneHot | Embedding) for layer in network.layers))
    Z = in_a_row(graph, network.layers, X)
    most = float(np.finfo(graph.dtype).max)
    return graph("Clip", graph("Where", graph("IsNaN", Z), 0.0, Z), -most, most)


def scaled(graph: "Graph", X: str, scaling: InputScaling, has_codes: bool) -> str:
    """Scale the numbers, which come first, and leave the codes of categories as they are."""
    n_numbers = len(scaling.mean)
    numbers = graph("Slice", X, np.array([0]), np.array([n_numbers]), np.array([1])) if has_codes else X
    Z = bend(graph, graph.centre(numbers, scaling.mean, scaling.scale), CLIP)
    return graph("Concat", Z, columns_from(graph, X, n_numbers), axis=1) if has_codes else Z


def columns_from(graph: "Graph", X: str, start: int) -> str:
    """Return the columns from the index `start` on."""
    return graph("Slice", X, np.array([start]), np.array([np.iinfo(np.int64).max]), np.array([1]))


def bend(graph: "Graph", Z: str, c: float) -> str:
    """Return z / sqrt(1 + (z / c)^2)."""
    far = c / float(np.finfo(graph.dtype).eps)  # the result is c from here on, and no square overflows
    Z = graph("Clip", Z, -far, far)
    ratio = graph("Mul", Z, 1 / c)
    return graph("Div", Z, graph("Sqrt", graph("Add", graph("Mul", ratio, ratio), 1.0)))


def in_a_row(graph: "Graph", layers: Iterable[Layer], X: str) -> str:
    """Add the layers one after the other, and merge linear maps that follow a Dense into it."""
    layers = list(layers)
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, Dense):
            W, b = layer.weights().astype(np.float64), layer.b
            while layers and type(layers[0]) in FOLDS:
                W, b = FOLDS[type(layers[0])](layers.pop(0), W, b)
            X = affine(graph, X, W, b)
        else:
            X = find_nodes(layer)(graph, layer, X)
    return X


def find_nodes(layer: Layer) -> LayerNodes:
    """Return the function that adds the nodes of a layer."""
    if type(layer) not in NODES:
        raise NotImplementedError(
            f"Export to ONNX needs layers among {sorted(known.kind for known in NODES)}, got {layer.kind!r}."
        )
    return NODES[type(layer)]


def affine(graph: "Graph", X: str, W: Array, b: Array) -> str:
    """Z = X W + b."""
    return graph("Add", graph("MatMul", X, W.astype(graph.dtype)), b.astype(graph.dtype))


def dense(graph: "Graph", layer: Dense, X: str) -> str:
    """Z = X W + b."""
    return affine(graph, X, layer.weights(), layer.b)


def residual(graph: "Graph", layer: Residual, X: str) -> str:
    """Y = X + F(X), or P(X) + F(X)."""
    shortcut = X if layer.projection is None else dense(graph, layer.projection, X)
    return graph("Add", shortcut, in_a_row(graph, layer.body, X))


def activate(graph: "Graph", layer: Activate, Z: str) -> str:
    """A = f(Z)."""
    return activation_nodes(layer.activation)(graph, Z, *layer.learned_values())


def piecewise(graph: "Graph", layer: Piecewise, X: str) -> str:
    """Z = clip((x - low) slope, least, most)."""
    Z = graph("Mul", graph("Sub", graph("Gather", X, layer.feature, axis=1), layer.low), layer.slope)
    return graph("Min", graph("Max", Z, layer.least), layer.most)


def one_hot(graph: "Graph", layer: OneHot, X: str) -> str:
    """Z = high in the column of each code, low elsewhere."""
    stop = layer.before + len(layer.sizes)
    feature = np.repeat(np.arange(layer.before, stop), layer.sizes)
    code = np.arange(len(feature)) - np.repeat(layer.starts, layer.sizes)
    is_code = graph("Equal", graph("Gather", X, feature, axis=1), code.astype(graph.dtype))
    hot = graph("Where", is_code, layer.high, layer.low)
    before = graph("Slice", X, np.array([0]), np.array([layer.before]), np.array([1]))
    return graph("Concat", before, hot, columns_from(graph, X, stop), axis=1)


def embedding(graph: "Graph", layer: Embedding, X: str) -> str:
    """Z = s E[code] for each column of codes."""
    before = graph("Slice", X, np.array([0]), np.array([layer.before]), np.array([1]))
    vectors, lead = layer.vectors(), layer.E.shape[:-2]
    parts = [graph("Add", before, np.zeros((*lead, 1, 1), graph.dtype))]  # one for each member
    codes = graph.cast(columns_from(graph, X, layer.before), np.int64)
    for i, (start, size) in enumerate(zip(layer.starts, layer.sizes, strict=True)):
        code = graph("Gather", codes, np.array(i), axis=1)
        parts.append(graph("Gather", vectors[..., start : start + size, :], code, axis=len(lead)))
    return graph("Concat", *parts, axis=-1)


def dropout(graph: "Graph", layer: Dropout, X: str) -> str:
    """Y = X."""
    return X


def scale_and_shift(graph: "Graph", X: str, layer: Normalization) -> str:
    """Y = gamma Xhat + beta."""
    return graph("Add", graph("Mul", X, layer.gamma), layer.beta)


def row_mean(graph: "Graph", X: str, units: int) -> str:
    """Add the mean over the units, a product with 1 / units; return its name."""
    return graph("MatMul", X, np.full((units, 1), 1 / units, graph.dtype))


def moments(graph: "Graph", X: str, units: int) -> tuple[str, str, str]:
    """Return X - E[X] and Var[X] of each sample over its units, and E[X]."""
    mean = row_mean(graph, X, units)
    centred = graph("Sub", X, mean)
    return centred, row_mean(graph, graph("Mul", centred, centred), units), mean


def layer_norm(graph: "Graph", layer: LayerNorm, X: str) -> str:
    """Xhat = (X - E[X]) / sqrt(Var[X] + eps)."""
    centred, variance, _ = moments(graph, X, layer.units)
    return scale_and_shift(
        graph, graph("Div", centred, graph("Sqrt", graph("Add", variance, layer.eps))), layer
    )


def slope_and_shift(layer: BatchNorm) -> tuple[Array, Array]:
    """Return slope and shift: in prediction, batch normalisation is X slope + shift."""
    slope = layer.gamma / np.sqrt(layer.running_var + layer.eps)
    return slope, layer.beta - slope * layer.running_mean


def batch_norm(graph: "Graph", layer: BatchNorm, X: str) -> str:
    """Y = X slope + shift."""
    slope, shift = slope_and_shift(layer)
    return graph("Add", graph("Mul", X, slope), shift)


def fold_batch_norm(layer: BatchNorm, W: Array, b: Array) -> tuple[Array, Array]:
    """Return W and b of (X W + b) slope + shift."""
    slope, shift = slope_and_shift(layer)
    return W * slope, b * slope + shift


def matrix_and_shift(layer: BatchWhitening) -> tuple[Array, Array]:
    """Return A and c: in prediction, batch whitening is (X - E[X]) A + c."""
    linear = copy(layer)
    linear.running_mean, linear.beta = np.zeros_like(layer.running_mean), np.zeros_like(layer.beta)
    eye = np.eye(layer.units, dtype=layer.gamma.dtype)
    return linear.predict(np.broadcast_to(eye, (*layer.gamma.shape[:-2], *eye.shape)).copy()), layer.beta


def batch_whitening(graph: "Graph", layer: BatchWhitening, X: str) -> str:
    """Y = (X - E[X]) A + c."""
    return affine(graph, graph("Sub", X, layer.running_mean), *matrix_and_shift(layer))


def fold_batch_whitening(layer: BatchWhitening, W: Array, b: Array) -> tuple[Array, Array]:
    """Return W and b of (X W + b - E[X]) A + c."""
    A, c = matrix_and_shift(layer)
    return W @ A, (b - layer.running_mean) @ A + c


def spectrum(layer: SwitchableWhitening, v: Array) -> tuple[Array, Array]:
    """Decompose v1 S + v2 diag(S) = U L U^T, S the running covariance; return the diagonal of L, and U."""
    parts = [floored_eigh(v[0] * S + v[1] * only_diagonal(S), RUNNING_ROUNDING) for S in layer.covariances()]
    lead = layer.gamma.shape[:-1]
    L = np.concatenate([values.reshape(*lead, -1) for values, _ in parts], axis=-1)
    return L, block_diagonal([U for _, part in parts for U in np.moveaxis(part, -3, 0)])


def block_diagonal(blocks: list[Array]) -> Array:
    """Return the block-diagonal matrix, or one for each member, of the blocks."""
    sizes = [block.shape[-1] for block in blocks]
    whole = np.zeros((*blocks[0].shape[:-2], sum(sizes), sum(sizes)), blocks[0].dtype)
    for block, stop in zip(blocks, np.cumsum(sizes), strict=True):
        here = slice(stop - block.shape[-1], stop)
        whole[..., here, here] = block
    return whole


def switchable_whitening(graph: "Graph", layer: SwitchableWhitening, X: str) -> str:
    """Xhat = (h / r) U^T, h = (X - m) U, r = sqrt(L + v3 s + eps), as in `SwitchableWhitening`."""
    u, v = mixture(layer.mean_logits), mixture(layer.cov_logits)
    L, U = spectrum(layer, v[..., None])
    _, variance, mean = moments(graph, X, layer.units)
    m = graph("Add", graph("Mul", mean, u[2]), (u[0] + u[1]) * layer.running_mean)
    h = graph("MatMul", graph("Sub", X, m), U)
    r = graph("Sqrt", graph("Add", graph("Mul", variance, v[2]), L + layer.eps))
    return scale_and_shift(graph, graph("MatMul", graph("Div", h, r), transpose(U)), layer)


NODES: dict[type[Layer], LayerNodes] = {
    Piecewise: piecewise,
    OneHot: one_hot,
    Embedding: embedding,
    Dense: dense,
    ScaledDense: dense,
    Projection: dense,
    Residual: residual,
    Activate: activate,
    Dropout: dropout,
    LayerNorm: layer_norm,
    BatchNorm: batch_norm,
    BatchWhitening: batch_whitening,
    SwitchableWhitening: switchable_whitening,
}
FOLDS: dict[type[Layer], Fold] = {BatchNorm: fold_batch_norm, BatchWhitening: fold_batch_whitening}
