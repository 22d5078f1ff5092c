"""A network: a sequence of layers, with all learned parameters in one flat vector."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from itertools import accumulate, count, zip_longest
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike
from scipy.linalg import get_blas_funcs
from scipy.sparse import issparse

from sknn6.nn import kernels
from sknn6.nn.annotations import Array, Rows, Shape
from sknn6.nn.batches import Batches
from sknn6.nn.decay import Decay
from sknn6.nn.dense import Dense
from sknn6.nn.inputs import InputScaling
from sknn6.nn.layer import Layer
from sknn6.nn.parallel import share_if_large

__all__ = ["Network", "Snapshot"]

# Prediction works on blocks of rows for which the output of the widest layer has at most this many numbers,
# so that it stays in the cache from one layer to the next: 2**16 float64 are 512 kB. A dense input, which is
# read only once, may have four times as many.
PREDICTION_BLOCK = 2**16

# Initial weights and statistics for prediction are computed from at most this many random rows.
SAMPLED_ROWS = 2048

# Shapes of arrays, by (layer, name of the array).
Shapes = dict[tuple[Layer, str], Shape]

# theta and the statistics.
Snapshot = tuple[Array, Array]


class Network:
    """A sequence of layers.

    After `allocate`, all parameters are views of one vector `theta`, their gradients are views of one vector
    `grad`, and the layers' statistics are views of the vector `statistics`. So a step of an optimizer is one
    operation on vectors, and a snapshot is two copies. The parameters that decay come first: they are
    ``theta[:n_decayed]``.

    Parameters
    ----------
    layers : list of Layer
    members : int
        Number of networks side by side. If there are several, all arrays have a leading axis, see
        `sknn6.nn.layer`.
    input_scaling : InputScaling or None
        Scaling of the rows of X before the first layer.

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
    starts: dict[tuple[Layer, str], int]  # where each array starts in `theta` or in `statistics`

    def __init__(
        self, layers: list[Layer], members: int = 1, input_scaling: InputScaling | None = None
    ) -> None:
        self.layers, self.members, self.input_scaling = layers, members, input_scaling
        # The first layer with parameters and those before it need no gradient with respect to their input: no
        # layer before them learns.
        for layer, after in zip_longest(layers, layers[1:]):
            layer.gradient_from = None
            if layer.parameters:
                if after is not None:
                    after.gradient_from = layer.learned_from
                break
        self.leaves = [leaf for layer in layers for leaf in layer.leaves()]
        counts: defaultdict[str, count[int]] = defaultdict(count)
        for layer in self.leaves:
            layer.name = f"{layer.kind}_{next(counts[layer.kind])}"

    def allocate(self, dtype: DTypeLike) -> Self:
        """Create theta, grad and statistics, filled with zeros, and set the arrays of the layers as views."""
        kernels.load()
        self.dtype = np.dtype(dtype)
        decayed = self._shapes(lambda layer: layer.decayed)
        parameters = decayed | self._shapes(lambda layer: layer.parameters)
        self.n_decayed = sum(math.prod(shape) for shape in decayed.values())
        statistics = self._shapes(lambda layer: layer.statistics)
        self.theta = bind(parameters, dtype)
        self.grad = bind(parameters, dtype, prefix="d")
        self.statistics = bind(statistics, dtype)
        self.starts = starts_of(parameters) | starts_of(statistics)
        return self

    def _shapes(self, names: Callable[[Layer], Iterable[str]]) -> Shapes:
        """Return the shape for each (layer, name), where ``names(layer)`` are names of the layer's arrays."""
        return {(layer, name): self._shape(layer, name) for layer in self.leaves for name in names(layer)}

    def _shape(self, layer: Layer, name: str) -> Shape:
        """Return the shape of an array of a layer, including the axis of members."""
        shape = (layer.parameters | layer.statistics)[name]
        if self.members == 1 or not layer.per_member:
            return shape
        return (self.members, *shape) if len(shape) == 2 else (self.members, 1, *shape)

    def view(self) -> Self:
        """Return a network with its own layers, which share the arrays of this one."""
        view = copy(self)
        view.layers = [layer.view() for layer in self.layers]
        view.leaves = [leaf for layer in view.layers for leaf in layer.leaves()]
        return view

    def arrays(self) -> dict[str, Array]:
        """Return all parameters and statistics, not copied, by name: ``{"dense_0.W": W, ...}``."""
        return {
            f"{layer.name}.{name}": getattr(layer, name)
            for layer in self.leaves
            for name in (*layer.parameters, *layer.statistics)
        }

    def copy_member(self, member: int, to: Self, k: int) -> None:
        """Copy the arrays of a member, and those that the members share, to member k of another network."""
        others = {layer.name: layer for layer in to.leaves}
        for layer in self.leaves:
            for name in (*layer.parameters, *layer.statistics):
                target = to._of_members(others[layer.name], name)[k]
                target[...] = self._of_members(layer, name)[member].reshape(target.shape)

    def _of_members(self, layer: Layer, name: str) -> list[Array]:
        """Return one view per member: the member's own part, or the whole array if the members share it."""
        array = getattr(layer, name)
        return list(array) if self.members > 1 and layer.per_member else [array] * self.members

    def attach(self, arrays: Mapping[str, Array], dtype: DTypeLike) -> Self:
        """Let the layers use the given arrays, named as `arrays()` names them and cast to `dtype`.

        The network can then predict but not train: it has no `theta` and no `grad`.
        """
        self.dtype = np.dtype(dtype)
        for layer in self.leaves:
            for name in (*layer.parameters, *layer.statistics):
                array = np.asarray(arrays[f"{layer.name}.{name}"], dtype)
                check_shape(f"{layer.name}.{name}", array, self._shape(layer, name))
                setattr(layer, name, array)
        return self

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Copy the values of arrays, named as by `arrays`, into the allocated arrays.

        Values beyond the range of the dtype become infinite.
        """
        with np.errstate(over="ignore"):
            for name, array in self.arrays().items():
                check_shape(name, arrays.get(name), array.shape)
                array[...] = arrays[name]

    def read(self, X: Rows) -> Rows:
        """Return rows of the data in the form that the first layer takes: scaled and cast."""
        if self.input_scaling is None:
            return X.astype(self.dtype, copy=False)
        return self.input_scaling(X.copy(), self.dtype)

    def initialize(self, rng: Generator) -> None:
        """Write the initial values of all layers, drawn from `rng`."""
        for layer in self.leaves:
            layer.initialize(rng)

    def calibrate(self, batches: Batches) -> None:
        """Adapt the initial values that depend on data to random rows of them."""
        if any(leaf.uncalibrated for leaf in self.leaves):
            X, weight = batches.subsample(SAMPLED_ROWS)
            for layer in self.layers:
                X = layer.calibrate(X, weight)

    @contextmanager
    def recomputed_statistics(
        self, batches: Batches, weights_averaged: bool = False, rows_per_unit: float = 0
    ) -> Iterator[None]:
        """Return a context in which prediction uses statistics that fit the present weights.

        Layers marked by `drifts` recompute them from up to 2048 random training rows; after averaging of the
        weights, all layers with running averages do. With fewer than `rows_per_unit` rows for each unit of a
        group, or if a result is not finite, the running averages stay. At the end of the context they are put
        back.
        """
        running = self.statistics.copy()
        layers = [leaf for leaf in self.leaves if leaf.statistics and (weights_averaged or leaf.drifts)]
        needed = rows_per_unit * max((layer.group_size for layer in layers), default=0)
        if layers and batches.n_samples >= needed:
            X, weight = batches.subsample(SAMPLED_ROWS)
            for layer in self.layers:
                X = layer.recompute_statistics(X, weight, weights_averaged)
            if not np.isfinite(self.statistics).all():
                self.statistics[:] = running
        try:
            yield
        finally:
            self.statistics[:] = running

    @contextmanager
    def exchanged(self, weights: Array) -> Iterator[None]:
        """Return a context in which theta and `weights`, of the same shape, have exchanged their values."""

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
        """Write the gradient of the loss to `grad`, given its gradient dZ with respect to the logits."""
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)

    def penalise(self, strength: float) -> float:
        """Add the gradient of ``strength / 2 |W|^2`` to `grad`; return the mean penalty over the members."""
        squares = Decay(strength, 1.0, self.n_decayed).apply(self.theta, self.grad)
        return 0.5 * strength * squares / self.members

    def shrink(self, factors: Array) -> None:
        """Multiply the decaying parameters of each member by its factor, of shape (members,)."""
        for layer in self.leaves:
            for name in layer.decayed:
                array = getattr(layer, name)
                array *= factors.astype(array.dtype)[:, None, None]

    def clip_gradients(self, most: float) -> None:
        """Scale the gradient of each member down to the Euclidean norm `most` if its norm is larger."""
        nrm2 = get_blas_funcs("nrm2", (self.grad,))  # avoids the overflow of squares
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

    def largest_product(self, n_rows: int) -> int:
        """Return the number of multiplications of the largest matrix product for so many rows."""
        return n_rows * max(layer.fan_in * layer.width for layer in self.dense())

    def predict_in_blocks(self, X: Rows, finish: Callable[[Array], Array]) -> Array:
        """Return ``finish(logits)`` for X, computed in blocks of rows that are cast to the network's dtype.

        The first axis of what `finish` returns must be the samples.
        """
        dense = self.dense()
        rows = PREDICTION_BLOCK // self.members // max(layer.width for layer in dense)
        if not issparse(X) or (self.input_scaling is not None and self.input_scaling.fills):
            rows = min(rows, 4 * PREDICTION_BLOCK // X.shape[1])
        rows = max(1, rows)

        def predict(start: int) -> Array:
            return finish(self._finite_logits(X[start : start + rows]))

        if X.shape[0] <= rows:
            return predict(0)
        starts = range(0, X.shape[0], rows)
        products = X.shape[0] * sum(layer.W.size for layer in dense)
        return np.concatenate(share_if_large(predict, starts, products))

    def _finite_logits(self, X: Rows) -> Array:
        """Map X to finite logits.

        Infinite logits become the largest numbers, and undetermined ones (inf - inf) become 0. So the
        probabilities of a network with huge weights are finite for every finite X.

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
        """Raise ValueError if an array of the network has NaN."""
        names = [name for name, array in self.arrays().items() if np.isnan(array).any()]
        if names:
            raise ValueError(
                f"The fitted arrays of a network must not have NaN, got some in {', '.join(names)} "
                "(dense_0.W is coefs_[0], dense_0.b is intercepts_[0])."
            )

    def snapshot(self, into: Snapshot | None = None) -> Snapshot:
        """Return a copy of theta and the statistics, in the memory of an earlier snapshot if one is given."""
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
    """Raise ValueError if the array has another shape."""
    if np.shape(array) != shape:
        raise ValueError(f"{name} of the network needs the shape {shape}, got {np.shape(array)}.")


def bind(shapes: Shapes, dtype: DTypeLike, prefix: str = "") -> Array:
    """Return a new vector of zeros, and set its consecutive parts as attributes of the layers."""
    flat = np.zeros(sum(map(math.prod, shapes.values())), dtype)
    for (layer, name), start in starts_of(shapes).items():
        shape = shapes[layer, name]
        setattr(layer, prefix + name, flat[start : start + math.prod(shape)].reshape(shape))
    return flat


def starts_of(shapes: Shapes) -> dict[tuple[Layer, str], int]:
    """Return where each array starts in the vector that `bind` returns."""
    sizes = map(math.prod, shapes.values())
    # `accumulate` ends with the total size, which belongs to no array.
    return dict(zip(shapes, accumulate(sizes, initial=0), strict=False))
