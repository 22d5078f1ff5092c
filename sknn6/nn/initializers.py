"""Initial weights: ``f(rng, fan_in, fan_out, gain) -> W`` of shape (fan_in, fan_out).

All distributions have mean 0. They differ in the variance, which determines how the scale of the
activations changes from layer to layer: Var(z) = fan_in Var(w) E[x^2]. `gain` is that of the activation,
1 / sqrt(E[f(z)^2]); the schemes that take the activation into account multiply by it, the others ignore it.
Biases start at 0, unless the array has them as one more row, (fan_in + 1, fan_out). To add a scheme, write
the function and give it a row in `INITIALIZERS`.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array

__all__ = [
    "CALIBRATED", "INITIALIZERS", "SKLEARN", "Initializer", "find_initializer", "he_uniform",
    "scikit_learn_initializer",
]  # fmt: skip

Initializer = Callable[[Generator, int, int, float], Array]


def zeros(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W = 0: all units of a layer have the same gradient, and stay equal forever."""
    return np.zeros((fan_in, fan_out))


def normal(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ N(0, 1), to be scaled by ``init_scale``; CS231n, lecture 6, shows 0.01 (small) and 1 (big)."""
    return rng.standard_normal((fan_in, fan_out))


def uniform(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ U(-1, 1), to be scaled by ``init_scale``."""
    return rng.uniform(-1, 1, (fan_in, fan_out))


def xavier_uniform(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)) [1]_.

    References
    ----------
    .. [1] Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural
       networks, AISTATS, equation 16.
    """
    bound = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def xavier_normal(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ N(0, 2 / (fan_in + fan_out)), Glorot & Bengio (2010), equation 12."""
    return rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / (fan_in + fan_out))


def he_uniform(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ U(-a, a), a = gain sqrt(3 / fan_in), the uniform distribution of He et al.'s variance."""
    bound = gain * np.sqrt(3 / fan_in)
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def he_normal(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ N(0, gain^2 / fan_in), with ReLU's gain N(0, 2 / fan_in) [1]_.

    References
    ----------
    .. [1] He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers, arXiv:1502.01852, equation 10.
    """
    return rng.standard_normal((fan_in, fan_out)) * (gain / np.sqrt(fan_in))


def lecun_uniform(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ U(-a, a), a = sqrt(3 / fan_in), the uniform distribution of LeCun et al.'s variance."""
    bound = np.sqrt(3 / fan_in)
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def lecun_normal(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W ~ N(0, 1 / fan_in) [1]_.

    References
    ----------
    .. [1] LeCun, Bottou, Orr & Mueller (1998), Efficient BackProp, section 4.6.
    """
    return rng.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)


def orthogonal(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W = gain Q with orthonormal rows or columns, whichever are fewer [1]_.

    Q comes from the QR decomposition of a Gaussian matrix, with the signs of diag(R) made
    positive, without which Q would not be uniformly distributed.

    References
    ----------
    .. [1] Saxe, McClelland & Ganguli (2013), Exact solutions to the nonlinear dynamics of learning
       in deep linear neural networks, arXiv:1312.6120.
    """
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    Q, R = np.linalg.qr(tall)
    Q *= np.sign(np.diag(R))
    return gain * (Q if fan_in >= fan_out else Q.T)


def lsuv(rng: Generator, fan_in: int, fan_out: int, gain: float) -> Array:
    """W = Q / s, Q as in "orthogonal" and s the standard deviation of X Q over a sample of the data [1]_.

    s is computed layer by layer when the training starts. The output of every linear map on the sample then
    has variance 1, whatever the activation and the scale of the data.

    References
    ----------
    .. [1] Mishkin & Matas (2015), All you need is a good init, arXiv:1511.06422, algorithm 1.
    """
    return orthogonal(rng, fan_in, fan_out, 1.0)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "normal": normal,
    "uniform": uniform,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
    "lsuv": lsuv,
}

# The initialisers whose scale is computed from a sample of the data, see `Dense.calibrate`.
CALIBRATED = (lsuv,)


# The name of scikit-learn's rule, which depends on the activations of the whole network.
SKLEARN = "sklearn"


def scikit_learn_initializer(activations: list[Activation]) -> Initializer:
    """Return scikit-learn's initialiser: U(-a, a), with the least constant `glorot` of the activations."""
    return partial(with_biases, factor=min((act.glorot for act in activations), default=6.0))


def with_biases(rng: Generator, fan_in: int, fan_out: int, gain: float, factor: float) -> Array:
    """W and b ~ U(-a, a), a = sqrt(factor / (fan_in + fan_out)), with b as the last row."""
    bound = np.sqrt(factor / (fan_in + fan_out))
    return rng.uniform(-bound, bound, (fan_in + 1, fan_out))


def find_initializer(init: str | Initializer, activation: Activation) -> Initializer:
    """Return the initialiser with that name, the activation's for "auto", or `init` itself if callable."""
    name = activation.init if init == "auto" else init
    if callable(name):
        return name
    if name not in INITIALIZERS:
        raise ValueError(f"The init of an Activation must be one of {sorted(INITIALIZERS)}, got {name!r}.")
    return INITIALIZERS[name]
