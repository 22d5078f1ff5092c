"""The architecture of a multi-layer perceptron: a description from which networks are built."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sknn6.nn.activations import ACTIVATIONS, Activation, find_activation
from sknn6.nn.annotations import Array
from sknn6.nn.categories import EMBEDDING_SIZE, Embedding, OneHot
from sknn6.nn.dense import Dense, Projection, ScaledDense
from sknn6.nn.initializers import SKLEARN, Initializer, find_initializer, scikit_learn_initializer
from sknn6.nn.input_layer import InputLayer
from sknn6.nn.inputs import InputScaling
from sknn6.nn.layer import Layer
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.network import Network
from sknn6.nn.normalization import NORMALIZATIONS, LayerNorm
from sknn6.nn.piecewise import Piecewise

__all__ = ["Architecture"]

LINEAR = ACTIVATIONS["identity"]

# Creates a layer from its class, its numbers of inputs and units, and the activation after it.
MakeDense = Callable[[type[Dense], int, int, Activation], Dense]


@dataclass(frozen=True)
class Architecture:
    """The description of a multi-layer perceptron, as far as predictions depend on it.

    A hidden layer is (Dense, [norm], Activate, [Dropout]); a Dense follows the last one. Dropout is an
    argument of `build`, because only a training needs it.

    Residual networks consist of the same layers, with a shortcut from each hidden Dense to the next. With L
    hidden layers, the first Dense is followed by L - 1 blocks X + Dense(Dropout(Activate(norm(X)))).

    Saved models contain the fields under these names, and loading passes them to the constructor.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of columns of X and of logits.
    hidden : list of int
        Units of each hidden layer.
    activation : str, Activation, or list of them
        The nonlinearity of all hidden layers, or a list with that of each.
    batchnorm : str or None
        Name in `NORMALIZATIONS` of the normalisation over the batch, between Dense and Activate.
    batchnorm_group_size : int
        Number of units that are whitened together.
    layernorm : bool
        Whether to normalise each sample over the units, between Dense and Activate.
    residual : bool
        Whether to add the shortcuts.
    members : int
        Number of networks of this architecture that are trained side by side.
    learned_scale : bool
        Whether the first layer has a learned factor for each input.
    bins : list of int or None
        Number of intervals of each input in the piecewise linear embedding; None without an embedding.
    one_hot, embedded : list of int or None
        Numbers of codes of the last inputs, which are categories: first those that become one column per
        code, then those with learned vectors.

    Examples
    --------
    >>> from sknn6.nn.architecture import Architecture
    >>> network = Architecture(4, [8], 3, "relu", batchnorm="batch").build()
    >>> [layer.kind for layer in network.layers]
    ['dense', 'batchnorm', 'activate', 'dense']
    """

    n_inputs: int
    hidden: list[int]
    n_outputs: int
    activation: str | Activation | list[str | Activation]
    batchnorm: str | None = None
    batchnorm_group_size: int = 16
    layernorm: bool = False
    residual: bool = False
    members: int = 1
    learned_scale: bool = False
    bins: list[int] | None = None
    one_hot: list[int] | None = None
    embedded: list[int] | None = None

    def build(
        self,
        *,
        init: str | Initializer = "auto",
        init_scale: float = 1.0,
        batchnorm_momentum: float = 0.1,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
        input_scaling: InputScaling | None = None,
    ) -> Network:
        """Return a network of this architecture, whose parameters are not allocated yet.

        Parameters
        ----------
        init : str or callable
            Name of an initialiser, "auto" for the initialiser of each activation, `SKLEARN`, or a function as
            in `sknn6.nn.initializers`.
        init_scale : float
            Factor on the initial weights.
        batchnorm_momentum : float
            Weight of the new batch in the running averages.
        dropout : float
            Fraction of the activations of each hidden layer that are set to 0 in training.
        rng : numpy.random.Generator
            Generator for dropout; predictions do not need it.
        input_scaling : InputScaling or None
            Scaling of the input.
        """
        activations = self._activations()
        if init == SKLEARN:
            init = scikit_learn_initializer(activations)

        def dense(kind: type[Dense], fan_in: int, fan_out: int, activation: Activation) -> Dense:
            initializer = find_initializer(init, activation)
            return kind(fan_in, fan_out, initializer, activation.gain, init_scale, activation.pieces)

        inputs = self._input_layers()
        maps = self._linear_maps(dense, activations, inputs[-1].width if inputs else self.n_inputs)
        layers: list[Layer] = [*inputs, maps[0]]
        for (above, below), activation in zip(pairwise(maps), activations, strict=True):
            block = [*self._norms(above, batchnorm_momentum), Activate(activation, above.fan_out)]
            if dropout:
                block.append(Dropout(dropout, rng))
            block.append(below)
            if self.residual and below is not maps[-1]:
                block = [Residual(block, projection(above, below, dense))]
            layers += block
        return Network(layers, self.members, input_scaling)

    def _activations(self) -> list[Activation]:
        """Return the activation of each hidden layer."""
        given = self.activation if isinstance(self.activation, list) else [self.activation] * len(self.hidden)
        return [find_activation(activation) for activation in given]

    def _input_layers(self) -> list[InputLayer]:
        """Return the layers before the first Dense, which convert numbers and categories to its columns."""
        layers: list[InputLayer] = []
        n_few, n_many = len(self.one_hot or []), len(self.embedded or [])
        n_columns = self.n_inputs - n_few - n_many  # the columns of numbers, which come first
        if self.bins is not None:
            layers.append(Piecewise(self.bins))
            n_columns += sum(self.bins)
        if self.one_hot:
            layers.append(OneHot(n_columns, self.one_hot, n_many))
            n_columns += sum(self.one_hot)
        if self.embedded:
            layers.append(Embedding(n_columns, self.embedded))
        return layers

    def sources(self) -> Array:
        """Return for each row of the first layer's W the index of the input that it belongs to."""
        widths = np.ones(self.n_inputs, int)
        if self.bins is not None:
            widths += self.bins
        n_many = len(self.embedded or [])
        if self.one_hot:
            widths[self.n_inputs - n_many - len(self.one_hot) : self.n_inputs - n_many] = self.one_hot
        if n_many:
            widths[-n_many:] = EMBEDDING_SIZE
        return np.repeat(np.arange(self.n_inputs), widths)

    def _linear_maps(self, dense: MakeDense, activations: list[Activation], n_columns: int) -> list[Dense]:
        """Return the Dense layers, from the first to that of the output."""
        first = ScaledDense if self.learned_scale else Dense
        kinds = [first] + [Dense] * len(self.hidden)
        sizes = pairwise([n_columns, *self.hidden, self.n_outputs])
        return [
            dense(kind, fan_in, fan_out, activation)
            for kind, (fan_in, fan_out), activation in zip(kinds, sizes, [*activations, LINEAR], strict=True)
        ]

    def _norms(self, above: Dense, momentum: float) -> list[Layer]:
        """Return the normalisations of the output of a Dense layer."""
        norms: list[Layer] = []
        if self.batchnorm is not None:
            # More units than the layer has inputs would be linearly dependent.
            group_size = min(self.batchnorm_group_size, above.fan_in)
            norms.append(NORMALIZATIONS[self.batchnorm](above.width, momentum, group_size))
        if self.layernorm:
            norms.append(LayerNorm(above.width))
        return norms


def projection(above: Dense, below: Dense, dense: MakeDense) -> Dense | None:
    """Return the linear map of the shortcut between two Dense layers, None if their widths are equal."""
    if above.width == below.width:
        return None
    return dense(Projection, above.width, below.width, LINEAR)
