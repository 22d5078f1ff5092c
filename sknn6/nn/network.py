"""A network: layers in a row, and all that they learn in one flat vector."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from itertools import count, zip_longest
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike
from scipy.linalg import get_blas_funcs
from scipy.sparse import issparse

from sknn6.nn import kernels
from sknn6.nn.annotations import Array, Rows, Shape
from sknn6.nn.batches import Batches
from sknn6.nn.decay import decay
from sknn6.nn.dense import Dense
from sknn6.nn.inputs import InputScaling
from sknn6.nn.layer import Layer
from sknn6.nn.parallel import share_if_large

__all__ = ["Network"]

# Numbers in the widest layer's output for one block of rows at prediction, which thus stays in the cache from
# one layer to the next: 2**16 float64 are 512 kB. The numbers of a dense input, which is read once, may be
# four times as many.
PREDICTION_BLOCK = 2**16

# Rows that initial weights and the statistics of prediction are taken from, where the data have more.
SAMPLE = 2048

# The shape of each array of a layer, by the layer and the name of the array.
Shapes = dict[tuple[Layer, str], Shape]

# theta and the statistics.
Snapshot = tuple[Array, Array]


class Network:
    """Layers in a row.

    After `allocate`, all parameters are views of one vector `theta`, their gradients views of one vector
    `grad`, and what is kept but not learned views of `statistics`. An optimizer step is then one operation
    on vectors and a snapshot two copies. The parameters that decay come first: they are
    ``theta[:n_decayed]``.

    Parameters
    ----------
    layers : list of Layer
    members : int
        Networks side by side: if more than one, all arrays have a leading axis of them, see `layers`.
    input_scaling : InputScaling or None
        What is done to the rows of X first.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.architecture import Architecture
    >>> network = Architecture(4, [8], 3, "relu").build().allocate(np.float64)
    >>> network.initialize(np.random.default_rng(0))
    >>> network.predict(np.ones((2, 4))).shape
    (2, 3)
    >>> {name: array.shape for name, array in network.arrays().items()}
    {'dense_0.W': (4, 8), 'dense_0.b': (8,), 'dense_1.W': (8, 3), 'dense_1.b': (3,)}
    >>> network.theta.size
    67
    """

    dtype: np.dtype[Any]
    theta: Array  # (n_parameters,)
    grad: Array  # (n_parameters,)
    statistics: Array  # (n_statistics,)
    n_decayed: int

    def __init__(
        self, layers: list[Layer], members: int = 1, input_scaling: InputScaling | None = None
    ) -> None:
        self.layers, self.members, self.input_scaling = layers, members, input_scaling
        for layer, after in zip_longest(layers, layers[1:]):
            layer.gradient_from = None
            if layer.parameters:  # the first that learns: what comes after it needs gradients
                if after is not None:
                    after.gradient_from = layer.learned_from
                break
        self.leaves = [leaf for layer in layers for leaf in layer.leaves()]
        counts: defaultdict[str, count[int]] = defaultdict(count)
        for layer in self.leaves:
            layer.name = f"{layer.kind}_{next(counts[layer.kind])}"

    def allocate(self, dtype: DTypeLike) -> Self:
        """Make theta, grad and statistics, uninitialised, and bind the layers to them."""
        kernels.load()
        self.dtype = np.dtype(dtype)
        decayed = self._shapes(lambda layer: layer.decayed)
        parameters = decayed | self._shapes(lambda layer: layer.parameters)
        self.n_decayed = sum(math.prod(shape) for shape in decayed.values())
        self.theta = bind(parameters, dtype)
        self.grad = bind(parameters, dtype, prefix="d")
        self.statistics = bind(self._shapes(lambda layer: layer.statistics), dtype)
        return self

    def _shapes(self, names: Callable[[Layer], Iterable[str]]) -> Shapes:
        """Map (layer, name) to its shape, for the names that `names` gives of each layer."""
        return {(layer, name): self._shape(layer, name) for layer in self.leaves for name in names(layer)}

    def _shape(self, layer: Layer, name: str) -> Shape:
        """Return the shape of an array of a layer, members and all."""
        shape = (layer.parameters | layer.statistics)[name]
        if self.members == 1 or not layer.per_member:
            return shape
        return (self.members, *shape) if len(shape) == 2 else (self.members, 1, *shape)

    def twin(self) -> Self:
        """Return a network of layers of its own that have the same arrays."""
        twin = copy(self)
        twin.layers = [layer.twin() for layer in self.layers]
        twin.leaves = [leaf for layer in twin.layers for leaf in layer.leaves()]
        return twin

    def arrays(self) -> dict[str, Array]:
        """Return all parameters and statistics by name, as in ``{"dense_0.W": W, ...}``; not copies."""
        return {
            f"{layer.name}.{name}": getattr(layer, name)
            for layer in self.leaves
            for name in (*layer.parameters, *layer.statistics)
        }

    def arrays_of_members(self, kept: list[int]) -> dict[str, Array]:
        """Return copies of the arrays as a network has them that consists of some of the members."""
        arrays = {}
        for layer in self.leaves:
            for name, shape in (layer.parameters | layer.statistics).items():
                array = getattr(layer, name)
                if layer.per_member:
                    array = array[kept] if len(kept) > 1 else array[kept[0]].reshape(shape)
                arrays[f"{layer.name}.{name}"] = array.copy()
        return arrays

    def attach(self, arrays: Mapping[str, Array], dtype: DTypeLike) -> Self:
        """Bind the layers, for prediction only, to arrays as `arrays` gives them, cast to `dtype`."""
        self.dtype = np.dtype(dtype)
        for layer in self.leaves:
            for name in (*layer.parameters, *layer.statistics):
                array = np.asarray(arrays[f"{layer.name}.{name}"], dtype)
                check_shape(f"{layer.name}.{name}", array, self._shape(layer, name))
                setattr(layer, name, array)
        return self

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Copy values, named as `arrays` names them, into the allocated arrays."""
        for name, array in self.arrays().items():
            check_shape(name, arrays.get(name), array.shape)
            array[...] = arrays[name]

    def read(self, X: Rows) -> Rows:
        """Return rows of the data as the first layer takes them."""
        if self.input_scaling is None:
            return X.astype(self.dtype, copy=False)
        return self.input_scaling(X.copy(), self.dtype)

    def initialize(self, rng: Generator) -> None:
        """Write the initial values of all layers, drawn from `rng`."""
        for layer in self.leaves:
            layer.initialize(rng)

    def calibrate(self, batches: Batches) -> None:
        """Let the initial values that depend on data see a sample of them."""
        if any(leaf.uncalibrated for leaf in self.leaves):
            X, weight = batches.sample(SAMPLE)
            for layer in self.layers:
                X = layer.calibrate(X, weight)

    @contextmanager
    def settled(
        self, batches: Batches, weights_averaged: bool = False, rows_per_unit: float = 0
    ) -> Iterator[None]:
        """Return a context in which prediction has statistics that go with the weights as they are.

        They are taken from a sample of the data by the layers whose running averages would not do, and by all
        if the weights have been averaged. The running averages stay if there are fewer rows than that for
        each unit of a group, or if the statistics would not be finite; after the context they are back.
        """
        running = self.statistics.copy()
        layers = [leaf for leaf in self.leaves if leaf.statistics and (weights_averaged or leaf.drifts)]
        needed = rows_per_unit * max((layer.group_size for layer in layers), default=0)
        if layers and batches.n_samples >= needed:
            X, weight = batches.sample(SAMPLE)
            for layer in self.layers:
                X = layer.settle(X, weight, weights_averaged)
            if not np.isfinite(self.statistics).all():
                self.statistics[:] = running
        try:
            yield
        finally:
            self.statistics[:] = running

    @contextmanager
    def exchanged(self, weights: Array) -> Iterator[None]:
        """Return a context in which theta and other weights, an ndarray of its shape, have changed places."""

        def exchange() -> None:
            self.theta[:], weights[:] = weights.copy(), self.theta.copy()

        exchange()
        try:
            yield
        finally:
            exchange()

    def forward(self, X: Rows, weight: Array | None = None) -> Array:
        """Map X to logits, keeping what `backward` needs; `weight` as in `Layer.forward`."""
        for layer in self.layers:
            X = layer.forward(X, weight)
        return X

    def backward(self, dZ: Array) -> None:
        """Write to `grad` the gradient of the loss whose gradient in the logits is dZ."""
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)

    def penalise(self, strength: float) -> float:
        """Add the gradient of ``strength / 2 |W|^2`` to `grad`; return the mean penalty over the members."""
        squares = decay(self.theta, self.grad, strength, 1.0, self.n_decayed)
        return 0.5 * strength * squares / self.members

    def shrink(self, factors: Array) -> None:
        """Multiply the decaying parameters of each member by its factor, of shape (members,)."""
        for layer in self.leaves:
            for name in layer.decayed:
                array = getattr(layer, name)
                array *= factors.astype(array.dtype)[:, None, None]

    def clip_gradients(self, most: float) -> None:
        """Scale the gradient of each member down to the Euclidean norm `most` if it is longer."""
        nrm2 = get_blas_funcs("nrm2", (self.grad,))  # no square of it overflows
        of_arrays = [
            getattr(leaf, f"d{name}").reshape(self.members, -1)
            for leaf in self.leaves
            for name in leaf.parameters
        ]
        for k in range(self.members):
            gradients = [gradient[k] for gradient in of_arrays]
            norm = math.hypot(*(float(nrm2(gradient)) for gradient in gradients))
            if norm > most:
                for gradient in gradients:
                    gradient *= most / norm

    def predict(self, X: Rows) -> Array:
        """Map X to logits as the trained network does."""
        for layer in self.layers:
            X = layer.predict(X)
        return X

    def predict_in_blocks(self, X: Rows, finish: Callable[[Array], Array]) -> Array:
        """Map X to what `finish` makes of its logits, a block of rows at a time, cast to the network's dtype.

        What it makes has the samples first.
        """
        rows = PREDICTION_BLOCK // self.members // max(layer.width for layer in self.dense())
        if not issparse(X) or (self.input_scaling is not None and self.input_scaling.fills):
            rows = min(rows, 4 * PREDICTION_BLOCK // X.shape[1])
        rows = max(1, rows)
        starts = range(0, X.shape[0], rows)

        def predict(start: int) -> Array:
            return finish(self._finite_logits(X[start : start + rows]))

        products = X.shape[0] * sum(layer.W.size for layer in self.dense())
        blocks = share_if_large(predict, starts, products)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _finite_logits(self, X: Rows) -> Array:
        """Map X to logits, overflow made finite.

        A logit that cannot be told (inf - inf) becomes 0. The probabilities of a network with huge weights
        are thus finite for every finite X.

        Raises
        ------
        ValueError
            If a logit is NaN because an array of the network has NaN.
        """
        Z = self.predict(self.read(X))
        if np.isfinite(Z).all():
            return Z
        if np.isnan(Z).any():
            self._check_no_nan()
        return np.nan_to_num(Z, copy=False)

    def _check_no_nan(self) -> None:
        """Raise if an array of the network has NaN."""
        names = [name for name, array in self.arrays().items() if np.isnan(array).any()]
        if names:
            raise ValueError(
                f"The fitted arrays of a network must not have NaN, got some in {', '.join(names)} "
                "(dense_0.W is coefs_[0], dense_0.b is intercepts_[0])."
            )

    def snapshot(self, into: Snapshot | None = None) -> Snapshot:
        """Copy all that training changes, into the memory of an earlier snapshot if one is given."""
        if into is None:
            return self.theta.copy(), self.statistics.copy()
        for copied, vector in zip(into, (self.theta, self.statistics), strict=True):
            copied[:] = vector
        return into

    def restore(self, snapshot: Snapshot) -> None:
        """Put back what `snapshot` copied."""
        self.theta[:], self.statistics[:] = snapshot

    def dense(self) -> list[Dense]:
        """Return the Dense layers."""
        return [layer for layer in self.leaves if isinstance(layer, Dense)]

    def isfinite(self) -> bool:
        """Return whether all parameters and statistics are finite numbers."""
        return bool(np.isfinite(self.theta).all() and np.isfinite(self.statistics).all())


def check_shape(name: str, array: Any, shape: Shape) -> None:
    """Raise an error if the array has another shape."""
    if np.shape(array) != shape:
        raise ValueError(f"{name} of the network needs the shape {shape}, got {np.shape(array)}.")


def bind(shapes: Shapes, dtype: DTypeLike, prefix: str = "") -> Array:
    """Make one vector and set its consecutive parts as attributes of the layers."""
    flat = np.zeros(sum(map(math.prod, shapes.values())), dtype)
    start = 0
    for (layer, name), shape in shapes.items():
        stop = start + math.prod(shape)
        setattr(layer, prefix + name, flat[start:stop].reshape(shape))
        start = stop
    return flat
