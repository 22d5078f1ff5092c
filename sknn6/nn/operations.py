"""The operations of a compiled epoch, and the parts of a training that have a compiled form.

`LAYER_CODES`, `ACTIVATION_CODES`, `LOSS_CODES` and `OPTIMIZER_CODES` map parts of a training to the numbers
by which `sknn6.nn.interpreter` knows them. If any part of a training is missing here, the layers compute it.
What a part needs besides its row and a branch of the interpreter is said in docs/contributing.rst.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sknn6.nn import activations, losses
from sknn6.nn.categories import Embedding
from sknn6.nn.dense import Dense, Projection, ScaledDense
from sknn6.nn.layer import Layer
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.normalization import BatchNorm, LayerNorm
from sknn6.nn.optimizers import SGD, Adam, Optimizer

__all__ = [
    "ABSOLUTE", "ACTIVATE", "ACTIVATION_CODES", "ADAM", "ADD", "BATCH_NORM", "BRANCH", "COMMON_ACTIVATIONS",
    "COMMON_LAYERS", "DENSE", "DROPOUT", "ELU", "EMBEDDING", "GELU", "HUBER", "IDENTITY", "LAYER_CODES",
    "LAYER_NORM", "LEAKY_RELU", "LOGISTIC", "LOSS_CODES", "LOSS_PARAMETERS", "MAXOUT", "MISH", "OPERATION",
    "OPTIMIZER_CODES", "POISSON", "PRELU", "READ_INPUT", "RELU", "SCALED_DENSE", "SELU", "SIGMOID", "SILU",
    "SOFTMAX", "SOFTPLUS", "SQUARED", "TANH", "Operation",
]  # fmt: skip

# A row of the table, whose fields are those of `OPERATION`.
Operation = Any

DENSE, SCALED_DENSE, ACTIVATE, DROPOUT, EMBEDDING, BATCH_NORM, LAYER_NORM, ADD, BRANCH = range(9)

LAYER_CODES: dict[type[Layer], int] = {
    Dense: DENSE,
    ScaledDense: SCALED_DENSE,
    Activate: ACTIVATE,
    Dropout: DROPOUT,
    Embedding: EMBEDDING,
    BatchNorm: BATCH_NORM,
    LayerNorm: LAYER_NORM,
    Projection: DENSE,
    Residual: ADD,  # its last operation; BRANCH is its first, and those of its layers lie between
}

IDENTITY, RELU, LOGISTIC, TANH, LEAKY_RELU, SILU, ELU, SELU, MISH, SOFTPLUS, GELU, PRELU, MAXOUT = range(13)

ACTIVATION_CODES: dict[tuple[Callable[..., Any], Callable[..., Any]], int] = {
    (activations.identity, activations.identity_backward): IDENTITY,
    (activations.relu, activations.relu_backward): RELU,
    (activations.leaky_relu, activations.leaky_relu_backward): LEAKY_RELU,
    (activations.logistic, activations.logistic_backward): LOGISTIC,
    (activations.tanh, activations.tanh_backward): TANH,
    (activations.silu, activations.silu_backward): SILU,
    (activations.elu, activations.elu_backward): ELU,
    (activations.selu, activations.selu_backward): SELU,
    (activations.mish, activations.mish_backward): MISH,
    (activations.softplus, activations.softplus_backward): SOFTPLUS,
    (activations.gelu, activations.gelu_backward): GELU,
    (activations.prelu, activations.prelu_backward): PRELU,
    (activations.maxout, activations.maxout_backward): MAXOUT,
}

# Activations whose backward reads their input. For the others, the gradient may overwrite it.
READ_INPUT = frozenset({SILU, MISH, GELU, PRELU})

SOFTMAX, SIGMOID, SQUARED, ABSOLUTE, HUBER, POISSON = range(6)

LOSS_CODES: dict[Callable[..., Any], int] = {
    losses.softmax_cross_entropy: SOFTMAX,
    losses.sigmoid_cross_entropy: SIGMOID,
    losses.squared_error: SQUARED,
    losses.absolute_error: ABSOLUTE,
    losses.huber: HUBER,
    losses.poisson: POISSON,
}

# The name and default of the one parameter that some losses have.
LOSS_PARAMETERS = {SOFTMAX: ("smoothing", 0.0), SIGMOID: ("smoothing", 0.0), HUBER: ("delta", 1.0)}

ADAM, MOMENTUM = range(2)

OPTIMIZER_CODES: dict[type[Optimizer], int] = {Adam: ADAM, SGD: MOMENTUM}

# The interpreter has two versions. The smaller one is enough for trainings that use only these layers and
# activations, Adam, no clipping and one batch per update, as the default parameters do. It compiles in half
# the time.
COMMON_LAYERS = frozenset({DENSE, SCALED_DENSE, ACTIVATE, DROPOUT})
COMMON_ACTIVATIONS = frozenset({IDENTITY, RELU, SILU, LOGISTIC, TANH})

# An operation of one network. The fields with names of parameters are their places in theta; `s`, `mean` and
# `var` are places in the statistics. `source` and `out` are the places of the input and output in the memory
# of an epoch, `dsource`, `dout` and `dshortcut` those of gradients with respect to the input, the output and
# the shortcut of a residual block. The others are places of what backward needs: `V`, the weights with the
# learned factors; `mask`, of dropout and maxout; `cdf`, of GELU; of normalisations `Xhat`, `mean_of_batch`
# and `r`, the reciprocals of the deviations. A place of -1 means none: the input of the first operation is X.
PARAMETERS = "W", "b", "u", "E", "gamma", "beta", "slope"
STATISTICS = "s", "mean", "var"
MEMORY = "source", "out", "dsource", "dout", "dshortcut", "V", "mask", "cdf", "Xhat", "r", "mean_of_batch"
SIZES = (
    "units",  # of the output
    "fan_in",  # inputs of a linear map
    "before",  # of an embedding: the columns before its codes
    "gradient_from",  # the first column of the input that has a gradient
    "categories",  # rows of E
)
OTHERS = (
    "kind",
    "common",  # 1 if the smaller version of the interpreter has it, 0 if not
    "activation",  # its number in ACTIVATION_CODES; -1 for operations of another kind
    "dropout",  # its index in the network, which is its column in the seeds
    "threshold",  # of dropout
    "member",  # the index of the network
)
OPERATION = np.dtype(
    [(name, np.int64) for name in (*OTHERS, *SIZES, *PARAMETERS, *STATISTICS, *MEMORY)]
    + [(name, np.float64) for name in ("momentum", "eps")]
)
