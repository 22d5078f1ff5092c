"""A network: layers in a row, and all that they learn in one flat vector."""

import math
from collections import defaultdict
from contextlib import contextmanager
from copy import copy
from itertools import count

import numpy as np
from scipy.sparse import issparse

from sknn6.nn import kernels
from sknn6.nn.activations import ACTIVATIONS, find_activation
from sknn6.nn.blas import AXPY
from sknn6.nn.initializers import find_initializer
from sknn6.nn.layers import Activate, Dense, Dropout, Projection, Residual, ScaledDense
from sknn6.nn.normalization import NORMALIZATIONS, LayerNorm

__all__ = ["Network", "perceptron"]

# Numbers in the widest layer's output for one block of rows at prediction, which thus stays in the cache from
# one layer to the next: 2**16 float64 are 512 kB. The numbers of a dense input, which is read once, may be
# four times as many.
PREDICTION_BLOCK = 2**16

# Rows that initial weights and the statistics of prediction are taken from, where the data have more.
SAMPLE = 2048


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
    >>> from sknn6.nn.network import perceptron
    >>> network = perceptron(4, [8], 3, "relu").allocate(np.float64)
    >>> network.initialize(np.random.default_rng(0))
    >>> network.predict(np.ones((2, 4))).shape
    (2, 3)
    >>> {name: array.shape for name, array in network.arrays().items()}
    {'dense_0.W': (4, 8), 'dense_0.b': (8,), 'dense_1.W': (8, 3), 'dense_1.b': (3,)}
    >>> network.theta.size
    67
    """

    def __init__(self, layers, members=1, input_scaling=None):
        self.layers, self.members, self.input_scaling = layers, members, input_scaling
        self.layers[0].propagates = False
        self.leaves = [leaf for layer in layers for leaf in layer.leaves()]
        counts = defaultdict(count)
        for layer in self.leaves:
            layer.name = f"{layer.kind}_{next(counts[layer.kind])}"

    def allocate(self, dtype):
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

    def _shapes(self, names):
        """Map (layer, name) to its shape, for the names that `names` gives of each layer."""
        return {(layer, name): self._shape(layer, name) for layer in self.leaves for name in names(layer)}

    def _shape(self, layer, name):
        """Give the shape of an array of a layer, members and all."""
        shape = (layer.parameters | layer.statistics)[name]
        if self.members == 1:
            return shape
        return (self.members, *shape) if len(shape) == 2 else (self.members, 1, *shape)

    def twin(self):
        """Give a network of layers of its own that have the same arrays."""
        twin = copy(self)
        twin.layers = [layer.twin() for layer in self.layers]
        twin.leaves = [leaf for layer in twin.layers for leaf in layer.leaves()]
        return twin

    def arrays(self):
        """Give all parameters and statistics by name, as in ``{"dense_0.W": W, ...}``; not copies."""
        return {
            f"{layer.name}.{name}": getattr(layer, name)
            for layer in self.leaves
            for name in (*layer.parameters, *layer.statistics)
        }

    def attach(self, arrays, dtype):
        """Bind the layers, for prediction only, to arrays as `arrays` gives them, cast to `dtype`."""
        self.dtype = np.dtype(dtype)
        for layer in self.leaves:
            for name in (*layer.parameters, *layer.statistics):
                array = np.asarray(arrays[f"{layer.name}.{name}"], dtype)
                check_shape(f"{layer.name}.{name}", array, self._shape(layer, name))
                setattr(layer, name, array)
        return self

    def load(self, arrays):
        """Copy values, named as `arrays` names them, into the allocated arrays."""
        for name, array in self.arrays().items():
            check_shape(name, arrays.get(name), array.shape)
            array[...] = arrays[name]

    def read(self, X):
        """Give rows of the data as the first layer takes them."""
        if self.input_scaling is None:
            return X.astype(self.dtype, copy=False)
        return self.input_scaling(X.copy(), self.dtype)

    def initialize(self, rng):
        """Write the initial values of all layers, drawn from `rng`."""
        for layer in self.leaves:
            layer.initialize(rng)

    def calibrate(self, batches):
        """Let the initial values that depend on data see a sample of them."""
        if any(leaf.uncalibrated for leaf in self.leaves):
            X, weight = batches.sample(SAMPLE)
            for layer in self.layers:
                X = layer.calibrate(X, weight)

    @contextmanager
    def settled(self, batches, weights_averaged=False, rows_per_unit=0):
        """Give a context in which prediction has statistics that go with the weights as they are.

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

    def forward(self, X, weight=None):
        """Map X to logits, keeping what `backward` needs; `weight` as in `Layer.forward`."""
        for layer in self.layers:
            X = layer.forward(X, weight)
        return X

    def backward(self, dZ):
        """Write to `grad` the gradient of the loss whose gradient in the logits is dZ."""
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)

    def penalise(self, strength):
        """Add the gradient of strength / 2 times the sum of the squared decaying parameters; return it."""
        W = self.theta[: self.n_decayed]
        if strength == 0 or W.size == 0:
            return 0.0
        AXPY[W.dtype](W, self.grad[: self.n_decayed], a=strength)
        return 0.5 * strength * float(W @ W) / self.members

    def predict(self, X):
        """Map X to logits as the trained network does."""
        for layer in self.layers:
            X = layer.predict(X)
        return X

    def predict_in_blocks(self, X, finish):
        """Map X to what `finish` makes of its logits, a block of rows at a time, cast to the network's dtype.

        What it makes has the samples first.
        """
        rows = PREDICTION_BLOCK // self.members // max(layer.width for layer in self.dense())
        if not issparse(X):
            rows = min(rows, 4 * PREDICTION_BLOCK // X.shape[1])
        rows = max(1, rows)
        starts = range(0, X.shape[0], rows)
        blocks = [finish(self._finite_logits(X[start : start + rows])) for start in starts]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _finite_logits(self, X):
        """Map X to logits, overflow made finite.

        A logit that cannot be told (inf - inf) becomes 0. The probabilities of a network with huge weights
        are thus finite for every finite X.
        """
        Z = self.predict(self.read(X))
        return Z if np.isfinite(Z).all() else np.nan_to_num(Z, copy=False)

    def snapshot(self, into=None):
        """Copy all that training changes, into the memory of an earlier snapshot if one is given."""
        if into is None:
            return self.theta.copy(), self.statistics.copy()
        for copied, vector in zip(into, (self.theta, self.statistics), strict=True):
            copied[:] = vector
        return into

    def restore(self, snapshot):
        """Put back what `snapshot` copied."""
        self.theta[:], self.statistics[:] = snapshot

    def dense(self):
        """Give the Dense layers."""
        return [layer for layer in self.leaves if isinstance(layer, Dense)]

    def isfinite(self):
        """Tell whether all parameters and statistics are finite numbers."""
        return bool(np.isfinite(self.theta).all() and np.isfinite(self.statistics).all())


def check_shape(name, array, shape):
    """Raise an error if the array has another shape."""
    if np.shape(array) != shape:
        raise ValueError(f"{name} of the network needs the shape {shape}, got {np.shape(array)}.")


def bind(shapes, dtype, prefix=""):
    """Make one vector and set its consecutive parts as attributes of the layers."""
    flat = np.zeros(sum(map(math.prod, shapes.values())), dtype)
    start = 0
    for (layer, name), shape in shapes.items():
        stop = start + math.prod(shape)
        setattr(layer, prefix + name, flat[start:stop].reshape(shape))
        start = stop
    return flat


def perceptron(
    n_inputs,
    hidden,
    n_outputs,
    activation,
    *,
    init="auto",
    init_scale=1.0,
    batchnorm=None,
    batchnorm_momentum=0.1,
    batchnorm_group_size=16,
    layernorm=False,
    residual=False,
    dropout=0.0,
    rng=None,
    members=1,
    input_scaling=None,
    learned_scale=False,
):
    """Compose a multi-layer perceptron: (Dense, [norm], Activate, [Dropout]) a hidden layer, then Dense.

    Residual blocks are those same layers with a shortcut from each Dense to the next: of L hidden layers,
    the first Dense leads into the stream and L - 1 blocks X + Dense(Dropout(Activate(norm(X)))) follow.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Features and logits.
    hidden : list of int
        Units of each hidden layer.
    activation : str, Activation, or list of them
        The nonlinearity of the hidden layers, or of each.
    init : str or callable
        Name of the initialiser, "auto", or a function as in `sknn6.nn.initializers`.
    init_scale : float
        Factor on the initial weights.
    batchnorm : str or None
        How to normalise over the batch between Dense and Activate, a name in `NORMALIZATIONS`.
    batchnorm_momentum : float
        Weight of the new batch in the running averages.
    batchnorm_group_size : int
        Units that are whitened together.
    layernorm : bool
        Whether to normalise each sample there.
    residual : bool
        Whether to add the shortcuts.
    dropout : float
        Fraction of the activations of each hidden layer that are dropped in training.
    rng : numpy.random.Generator
        Draws what is dropped; not needed for prediction.
    members : int
        How many such networks to train side by side.
    input_scaling : InputScaling or None
        What they do to their input.
    learned_scale : bool
        Whether the first layer has a learned factor for each input.

    Returns
    -------
    Network
    """
    activations = activation if isinstance(activation, list) else [activation] * len(hidden)
    linear = ACTIVATIONS["identity"]

    def dense(fan_in, fan_out, activation, kind=Dense):
        initializer = find_initializer(init, activation)
        return kind(fan_in, fan_out, initializer, activation.gain, init_scale, activation.pieces)

    first = ScaledDense if learned_scale else Dense
    layers, between = [], []  # between: what follows a Dense before the next one
    fan_in, width = n_inputs, None
    for fan_out, name in zip(hidden, activations, strict=True):
        activation = find_activation(name)
        body = [*between, dense(fan_in, fan_out, activation, Dense if layers else first)]
        above, width = width, body[-1].width
        if residual and layers:
            projection = None if above == width else dense(above, width, linear, Projection)
            body = [Residual(body, projection)]
        layers += body
        between = []
        if batchnorm is not None:
            between.append(
                NORMALIZATIONS[batchnorm](width, batchnorm_momentum, min(batchnorm_group_size, fan_in))
            )
        if layernorm:
            between.append(LayerNorm(width))
        between.append(Activate(activation, fan_out))
        if dropout:
            between.append(Dropout(dropout, rng))
        fan_in = fan_out
    layers += [*between, dense(fan_in, n_outputs, linear, Dense if layers else first)]
    return Network(layers, members, input_scaling)
