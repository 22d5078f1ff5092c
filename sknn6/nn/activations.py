"""Activation functions: ``A = f(Z)`` and ``dZ = dA * f'(Z)``, and the registry of their names.

An activation is a pair of functions and a few facts about them. To add one, write the pair and give
it a row in `ACTIVATIONS`: the estimators, the tests, the tables of the documentation and the search
spaces find it there. The module is long because it is a table: a dozen pairs of short functions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from sknn6.nn.annotations import Array
from sknn6.nn.cdf_polynomial import CDF_LARGEST, CDF_POLYNOMIAL
from sknn6.nn.kernels import kernel

__all__ = ["ACTIVATIONS", "LEAK", "SELU_ALPHA", "SELU_SCALE", "Activation", "find_activation"]


@dataclass(frozen=True)
class Activation:
    """A nonlinearity, given by its forward and backward functions.

    Parameters
    ----------
    forward : callable
        ``forward(Z) -> (A, saved)``: the activations ``A = f(Z)``, and whatever `backward` needs.
        It may write into Z. Learned parameters follow Z: ``forward(Z, slope)``.
    backward : callable
        ``backward(dA, saved) -> dZ``: the gradient ``dA * f'(Z)``. It may write into dA and saved.
        With learned parameters, ``backward(dA, saved, slope) -> (dZ, dslope)``.
    gain : float, default=1.0
        Factor for the initial weights with which the variance of the activations neither grows nor
        decays from layer to layer: ``1 / sqrt(E[f(z)^2])`` with z ~ N(0, 1).
    init : str, default="he_uniform"
        The initialiser that ``init="auto"`` means in the modern recipes, a name in
        `sknn6.nn.initializers`.
    learned : tuple of (str, float), default=()
        Name and initial value of each learned parameter, of which every unit has one. They do not decay.
    pieces : int, default=1
        Number of linear maps of a unit. Z has the first maps of all units, then the second maps, and so on.
    glorot : float, default=6.0
        The constant c with which scikit-learn draws weights and biases from U(-a, a), where
        a = sqrt(c / (fan_in + fan_out)).

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.activations import ACTIVATIONS
    >>> leaky_relu = ACTIVATIONS["leaky_relu"]
    >>> A, saved = leaky_relu.forward(np.array([[-2.0, 3.0]]))
    >>> A
    array([[-0.02,  3.  ]])
    >>> leaky_relu.backward(np.ones((1, 2)), saved)
    array([[0.01, 1.  ]])
    """

    forward: Callable[..., tuple[Array, Any]]
    backward: Callable[..., Any]
    gain: float = 1.0
    init: str = "he_uniform"
    learned: tuple[tuple[str, float], ...] = ()
    pieces: int = 1
    glorot: float = 6.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", tuple((name, float(start)) for name, start in self.learned))


def identity(Z: Array) -> tuple[Array, None]:
    """A = z."""
    return Z, None


def identity_backward(dA: Array, saved: None) -> Array:
    """f' = 1."""
    return dA


def logistic(Z: Array) -> tuple[Array, Array]:
    """A = 1 / (1 + exp(-z)).

    Computed by tanh(z/2) = 2A - 1, which cannot overflow.
    """
    A = np.multiply(Z, 0.5, out=Z)
    np.tanh(A, out=A)
    A *= 0.5
    A += 0.5
    return A, A


def logistic_backward(dA: Array, A: Array) -> Array:
    """f' = A (1 - A)."""
    dA *= A
    np.subtract(1, A, out=A)
    dA *= A
    return dA


def tanh(Z: Array) -> tuple[Array, Array]:
    """A = tanh(z) = 2 logistic(2z) - 1."""
    A = np.tanh(Z, out=Z)
    return A, A


def tanh_backward(dA: Array, A: Array) -> Array:
    """f' = 1 - A^2."""
    A *= A
    np.subtract(1, A, out=A)
    dA *= A
    return dA


def relu(Z: Array) -> tuple[Array, Array]:
    """A = max(z, 0)."""
    rectify(Z)
    return Z, Z


def relu_backward(dA: Array, A: Array) -> Array:
    """f' = 1 where A > 0, else 0."""
    rectify_backward(dA, A)
    return dA


@kernel
def rectify(Z: Array) -> None:
    """Write max(z, 0) to Z."""
    np.maximum(Z, 0, out=Z)


@kernel
def rectify_backward(dA: Array, A: Array) -> None:
    """Multiply dA by 1 where A > 0, else 0."""
    dA *= A > 0


LEAK = 0.01


def leaky_relu(Z: Array) -> tuple[Array, Array]:
    """A = max(z, 0.01 z)."""
    A = np.maximum(Z, LEAK * Z, out=Z)
    return A, A


def leaky_relu_backward(dA: Array, A: Array) -> Array:
    """f' = 1 where A > 0, else 0.01.

    Computed as max(0.01, [A > 0]), which is faster than `np.where`.
    """
    slope = np.greater(A, 0, out=A)
    dA *= np.maximum(slope, LEAK, out=slope)
    return dA


SLOPE = 0.25


def prelu(Z: Array, slope: Array) -> tuple[Array, Array]:
    """A = max(z, 0) + slope min(z, 0), with a learned slope for each unit, 0.25 at first [1]_.

    References
    ----------
    .. [1] He, Zhang, Ren & Sun (2015), Delving Deep into Rectifiers, arXiv:1502.01852, equation 1.
    """
    negative = np.minimum(Z, 0)
    A = np.maximum(Z, 0, out=Z)
    A += slope * negative
    return A, negative


def prelu_backward(dA: Array, negative: Array, slope: Array) -> tuple[Array, Array]:
    """f' = 1 where z > 0, else slope; the derivative with respect to the slope is min(z, 0)."""
    dslope = np.sum(dA * negative, axis=-2)
    dA *= np.where(negative < 0, slope, 1)
    return dA, dslope


def maxout(Z: Array) -> tuple[Array, Array]:
    """A = max(z1, z2), z1 and z2 two linear maps of the same input [1]_.

    With z2 = 0 it is relu, with z2 = 0.01 z1 leaky_relu. A unit has twice as many weights as with these.

    References
    ----------
    .. [1] Goodfellow, Warde-Farley, Mirza, Courville & Bengio (2013), Maxout Networks, arXiv:1302.4389.
    """
    Z1, Z2 = np.split(Z, 2, axis=-1)
    return np.maximum(Z1, Z2), Z1 >= Z2


def maxout_backward(dA: Array, first: Array) -> Array:
    """f' = 1 for the larger of the two, 0 for the other."""
    return np.concatenate([dA * first, dA * ~first], axis=-1)


def elu(Z: Array) -> tuple[Array, Array]:
    """A = z where z > 0, else exp(z) - 1.

    Computed as max(z, 0) + expm1(min(z, 0)).
    """
    negative = np.minimum(Z, 0)
    np.expm1(negative, out=negative)
    A = np.maximum(Z, 0, out=Z)
    A += negative
    return A, negative


def elu_backward(dA: Array, negative: Array) -> Array:
    """f' = 1 where z > 0, else exp(z) = 1 + A."""
    negative += 1
    dA *= negative
    return dA


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(Z: Array) -> tuple[Array, Array]:
    """A = scale z where z > 0, else scale alpha (exp(z) - 1): mean 0 and variance 1 map to themselves [1]_.

    References
    ----------
    .. [1] Klambauer, Unterthiner, Mayr & Hochreiter (2017), Self-Normalizing Neural Networks,
       arXiv:1706.02515.
    """
    negative = np.minimum(Z, 0)
    np.expm1(negative, out=negative)
    negative *= SELU_ALPHA
    A = np.maximum(Z, 0, out=Z)
    A += negative
    A *= SELU_SCALE
    return A, A


def selu_backward(dA: Array, A: Array) -> Array:
    """f' = scale where A > 0, else A + scale alpha."""
    slope = np.minimum(A, 0)
    slope += SELU_SCALE * SELU_ALPHA
    slope[A > 0] = SELU_SCALE
    dA *= slope
    return dA


def softplus(Z: Array) -> tuple[Array, Array]:
    """A = log(1 + exp(z)).

    Computed as max(z, 0) + log1p(exp(-|z|)), which cannot overflow.
    """
    tail = np.abs(Z)
    np.negative(tail, out=tail)
    np.log1p(np.exp(tail, out=tail), out=tail)
    A = np.maximum(Z, 0, out=Z)
    A += tail
    return A, A


def softplus_backward(dA: Array, A: Array) -> Array:
    """f' = 1 / (1 + exp(-z)) = 1 - exp(-A)."""
    np.negative(A, out=A)
    np.expm1(A, out=A)
    dA *= A
    return np.negative(dA, out=dA)


def silu(Z: Array) -> tuple[Array, tuple[Array, Array]]:
    """A = z logistic(z) [1]_.

    References
    ----------
    .. [1] Elfwing, Uchibe & Doya (2017), Sigmoid-Weighted Linear Units for Neural Network Function
       Approximation in Reinforcement Learning, arXiv:1702.03118.
    """
    S = logistic(Z.copy())[0]
    return Z * S, (Z, S)


def silu_backward(dA: Array, saved: tuple[Array, Array]) -> Array:
    """f' = S + z S (1 - S), S the logistic function of z."""
    Z, S = saved
    Z *= 1 - S
    Z += 1
    Z *= S
    dA *= Z
    return dA


def mish(Z: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """A = z tanh(softplus(z)) = z e (e + 2) / (e (e + 2) + 2), e = exp(z) [1]_.

    For z above 20, e is computed for z = 20: the fraction is then 1 to all digits, and e cannot overflow.

    References
    ----------
    .. [1] Misra (2019), Mish: A Self Regularized Non-Monotonic Activation Function, arXiv:1908.08681.
    """
    E = np.minimum(Z, 20)
    np.exp(E, out=E)
    T = E * (E + 2)
    T /= T + 2
    return Z * T, (Z, E, T)


def mish_backward(dA: Array, saved: tuple[Array, Array, Array]) -> Array:
    """f' = T + z (1 - T^2) e / (1 + e), T = tanh(softplus(z)), e = exp(z)."""
    Z, E, T = saved
    E /= 1 + E
    E *= Z
    E *= 1 - T * T
    E += T
    dA *= E
    return dA


def normal_cdf(Z: Array) -> Array:
    """Return P(N <= z), N standard normal; in float32 with errors of 1e-7, much faster than erf."""
    return ndtr(Z) if Z.dtype == np.float64 else approximate_normal_cdf(Z)


@kernel
def approximate_normal_cdf(Z: Array) -> Array:
    """Return (1 + tanh(z q(z^2))) / 2."""
    squares = np.multiply(Z, Z)
    np.minimum(squares, CDF_LARGEST, out=squares)
    cdf = squares * CDF_POLYNOMIAL[0]
    for coefficient in CDF_POLYNOMIAL[1:-1]:
        cdf += coefficient
        cdf *= squares
    cdf += CDF_POLYNOMIAL[-1]
    cdf *= Z
    np.tanh(cdf, out=cdf)
    cdf *= 0.5
    cdf += 0.5
    return cdf


def gelu(Z: Array) -> tuple[Array, tuple[Array, Array]]:
    """A = z P(N <= z), N standard normal [1]_.

    References
    ----------
    .. [1] Hendrycks & Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415.
    """
    cdf = normal_cdf(Z)
    return Z * cdf, (Z, cdf)


def gelu_backward(dA: Array, saved: tuple[Array, Array]) -> Array:
    """f' = cdf(z) + z pdf(z)."""
    Z, cdf = saved
    bell = np.multiply(Z, Z)
    bell *= -0.5
    np.exp(bell, out=bell)
    times_slope(dA, Z, cdf, bell)
    return dA


@kernel
def times_slope(dA: Array, Z: Array, cdf: Array, bell: Array) -> None:
    """Multiply dA by cdf + z bell / sqrt(2 pi); cdf and bell may be overwritten."""
    bell *= 1 / math.sqrt(2 * math.pi)
    bell *= Z
    cdf += bell
    dA *= cdf


ACTIVATIONS = {
    "identity": Activation(identity, identity_backward, init="xavier_uniform"),
    "logistic": Activation(logistic, logistic_backward, 1.8462, init="xavier_uniform", glorot=2.0),
    "tanh": Activation(tanh, tanh_backward, 1.5925, init="xavier_uniform"),
    "relu": Activation(relu, relu_backward, float(np.sqrt(2))),
    "leaky_relu": Activation(leaky_relu, leaky_relu_backward, float(np.sqrt(2 / (1 + LEAK**2)))),
    "prelu": Activation(
        prelu, prelu_backward, float(np.sqrt(2 / (1 + SLOPE**2))), learned=(("slope", SLOPE),)
    ),
    "maxout": Activation(maxout, maxout_backward, 1.0, pieces=2),
    "elu": Activation(elu, elu_backward, 1.2452),
    "selu": Activation(selu, selu_backward, 1.0, init="lecun_normal"),
    "gelu": Activation(gelu, gelu_backward, 1.5335),
    "silu": Activation(silu, silu_backward, 1.6765),
    "mish": Activation(mish, mish_backward, 1.4868),
    "softplus": Activation(softplus, softplus_backward, 1.0419),
}
ACTIVATIONS["sigmoid"] = ACTIVATIONS["logistic"]


def find_activation(activation: str | Activation) -> Activation:
    """Return the activation with that name, or `activation` itself if it is one."""
    return ACTIVATIONS[activation] if isinstance(activation, str) else activation
