"""Compiled versions, by Numba, of the functions that are marked with `kernels.kernel`.

Each makes one pass where NumPy makes several. Exponentials and hyperbolic tangents are computed by NumPy,
which has vectorised ones. Numba compiles a function at its first call for each dtype and caches it on disk.
"""

import math

import numpy as np
from numba import njit

from sknn6.nn.annotations import Array
from sknn6.nn.cdf_polynomial import CDF_LARGEST, CDF_POLYNOMIAL
from sknn6.nn.random_words import GOLDEN, LAST_SHIFT, MIXING

# The error model "numpy" does not check each divisor for zero, which would prevent vector instructions.
compiled = njit(cache=True, error_model="numpy", nogil=True)


@compiled
def rectify(Z: Array) -> None:
    """Compute `sknn6.nn.activations.rectify`."""
    zero = Z.dtype.type(0)
    for i in range(Z.size):
        z = Z.flat[i]
        Z.flat[i] = zero if z <= zero else z  # NaN stays


@compiled
def rectify_backward(dA: Array, A: Array) -> None:
    """Compute `sknn6.nn.activations.rectify_backward`."""
    zero, one = A.dtype.type(0), A.dtype.type(1)
    for i in range(A.size):
        dA.flat[i] *= one if A.flat[i] > zero else zero


def approximate_normal_cdf(Z: Array) -> Array:
    """Compute `sknn6.nn.activations.approximate_normal_cdf`."""
    cdf = np.empty_like(Z)
    normal_cdf_argument(Z, cdf)
    np.tanh(cdf, out=cdf)
    cdf *= 0.5
    cdf += 0.5
    return cdf


@compiled
def normal_cdf_argument(Z: Array, out: Array) -> None:
    """Write z q(z^2) to `out`."""
    scalar = Z.dtype.type
    largest = scalar(CDF_LARGEST)
    for i in range(Z.size):
        z = Z.flat[i]
        square = min(z * z, largest)
        q = scalar(0)
        for coefficient in CDF_POLYNOMIAL:
            q = q * square + scalar(coefficient)
        out.flat[i] = z * q


@compiled
def times_slope(dA: Array, Z: Array, cdf: Array, bell: Array) -> None:
    """Compute `sknn6.nn.activations.times_slope`."""
    factor = Z.dtype.type(1 / math.sqrt(2 * math.pi))
    for i in range(Z.size):
        dA.flat[i] *= cdf.flat[i] + Z.flat[i] * bell.flat[i] * factor


@compiled
def drop(X: Array, seed: np.uint64, threshold: int, scale: np.floating, mask: Array, out: Array) -> None:
    """Compute `sknn6.nn.layers.drop`."""
    A, factors, products = X.reshape(-1), mask.reshape(-1), out.reshape(-1)
    size = X.shape[-2] * X.shape[-1]
    for member in range(A.size // size):
        part = slice(member * size, (member + 1) * size)
        drop_of_member(A[part], seed, member, threshold, scale, factors[part], products[part])


@compiled
def drop_of_member(
    A: Array, seed: np.uint64, member: int, threshold: int, scale: np.floating, mask: Array, out: Array
) -> None:
    """Compute `drop` for one member, all of whose arrays are vectors.

    Numba compiles the first loop to vector instructions, because each word gives exactly four numbers there.
    """
    words = (A.size + 3) // 4
    first = np.uint64(member * words)
    for i in range(A.size // 4):
        word = random_word(seed, first + np.uint64(i))
        for k in range(4):
            mask[4 * i + k] = drop_factor(word, k, threshold, scale)
            out[4 * i + k] = A[4 * i + k] * mask[4 * i + k]
    for j in range(A.size // 4 * 4, A.size):
        word = random_word(seed, first + np.uint64(words - 1))
        mask[j] = drop_factor(word, j % 4, threshold, scale)
        out[j] = A[j] * mask[j]


@compiled
def drop_factor(word: np.uint64, k: int, threshold: int, scale: np.floating) -> np.floating:
    """Return `scale` if the integer number k of a word is >= `threshold`, else 0."""
    integer = (word >> np.uint64(16 * k)) & np.uint64(0xFFFF)
    return scale if integer >= np.uint64(threshold) else type(scale)(0)


@compiled
def random_word(seed: np.uint64, i: np.uint64) -> np.uint64:
    """Return word i of the sequence of `sknn6.nn.random_words`."""
    word = seed + (i + np.uint64(1)) * GOLDEN
    for bits, factor in MIXING:
        word = (word ^ (word >> bits)) * factor
    return word ^ (word >> LAST_SHIFT)


@compiled
def encode_positions(
    X: Array, feature: Array, low: Array, slope: Array, least: Array, most: Array, Z: Array
) -> None:
    """Compute `sknn6.nn.piecewise.encode_positions`.

    The gathering has a loop of its own, so that the other one uses vector instructions.
    """
    for i in range(len(X)):
        x, z = X[i], Z[i]
        for j in range(feature.size):
            z[j] = x[feature[j]]
        for j in range(feature.size):
            position = (z[j] - low[j]) * slope[j]
            position = least[j] if position < least[j] else position  # NaN stays
            z[j] = most[j] if position > most[j] else position


@compiled
def scale_and_shift(X: Array, scale: Array, shift: Array, out: Array) -> None:
    """Compute `sknn6.nn.normalization.base.scale_and_shift`."""
    X, out, scale, shift = by_member(X), by_member(out), per_member(scale), per_member(shift)
    for k in range(X.shape[0]):
        for i in range(X.shape[1]):
            for j in range(X.shape[2]):
                out[k, i, j] = X[k, i, j] * scale[k, j] + shift[k, j]


@compiled
def centre(X: Array, mean: Array, p: Array, var: Array, work: Array) -> None:
    """Compute `sknn6.nn.normalization.batch_norm.centre`."""
    X, mean, var = by_member(X), per_member(mean), per_member(var)
    var[:] = 0
    for k in range(X.shape[0]):
        for i in range(X.shape[1]):
            for j in range(X.shape[2]):
                X[k, i, j] -= mean[k, j]
                var[k, j] += p[i] * X[k, i, j] * X[k, i, j]


@compiled
def batch_gradient(
    dY: Array, Xhat: Array, dgamma: Array, dbeta: Array, factor: Array, p: Array, work: Array
) -> None:
    """Compute `sknn6.nn.normalization.batch_norm.batch_gradient`."""
    dY, Xhat, factor = by_member(dY), by_member(Xhat), per_member(factor)
    dgamma, dbeta = per_member(dgamma), per_member(dbeta)
    for k in range(dY.shape[0]):
        for i in range(dY.shape[1]):
            for j in range(dY.shape[2]):
                depends = p[i] * (dbeta[k, j] + Xhat[k, i, j] * dgamma[k, j])
                dY[k, i, j] = factor[k, j] * (dY[k, i, j] - depends)


@compiled
def by_member(X: Array) -> Array:
    """View an array of shape (samples, units) or (members, samples, units) as one of the latter shape."""
    return X.reshape((-1, X.shape[-2], X.shape[-1]))


@compiled
def per_member(vector: Array) -> Array:
    """View a vector with one number per unit as an array of shape (members, units)."""
    return vector.reshape((-1, vector.shape[-1]))


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc"})
def adam(
    theta: Array,
    grad: Array,
    m: Array,
    v: Array,
    work: Array,
    beta_1: float,
    beta_2: float,
    rate: float,
    epsilon: float,
    l2: float,
    shrink: float,
    n: int,
) -> float:
    """Compute `sknn6.nn.optimizers.adam`."""
    scalar = theta.dtype.type
    beta_1, beta_2, rate, epsilon = scalar(beta_1), scalar(beta_2), scalar(rate), scalar(epsilon)
    l2, shrink, squares = scalar(l2), scalar(shrink), scalar(0)
    for i in range(theta.size):
        w, g = theta[i], grad[i]
        if i < n:
            squares += w * w
            g += l2 * w
            w *= shrink
        m_i = beta_1 * m[i] + g
        v_i = beta_2 * v[i] + g * g
        m[i], v[i] = m_i, v_i
        theta[i] = w - rate * m_i / (math.sqrt(v_i) + epsilon)
    return squares if l2 else 0.0


def cross_entropy(Z: Array, y: Array, p: Array, smoothing: float) -> tuple[float, Array]:
    """Compute `sknn6.nn.losses.cross_entropy`."""
    Z = np.ascontiguousarray(Z)
    subtract_max(Z)
    P = np.exp(Z)
    return normalise(P, Z, y, p, smoothing), P


@compiled
def subtract_max(Z: Array) -> None:
    """Subtract from each row its largest number."""
    for i in range(Z.shape[0]):
        largest = Z[i, 0]
        for k in range(1, Z.shape[1]):
            largest = max(largest, Z[i, k])
        for k in range(Z.shape[1]):
            Z[i, k] -= largest


@compiled
def normalise(P: Array, Z: Array, y: Array, p: Array, smoothing: float) -> float:
    """Overwrite P = exp(Z) by the gradient of the loss with respect to Z, and return the loss."""
    n_classes = P.shape[1]
    one = P.dtype.type(1)
    off = P.dtype.type(smoothing / n_classes)
    on = P.dtype.type(1 - smoothing)
    loss = 0.0
    for i in range(P.shape[0]):
        weight = p[i % p.size]
        normaliser, logits = P.dtype.type(0), P.dtype.type(0)
        for k in range(n_classes):
            normaliser += P[i, k]
            logits += Z[i, k]
        scale = one / normaliser
        for k in range(n_classes):
            P[i, k] = (P[i, k] * scale - off) * weight
        P[i, y[i]] -= on * weight
        loss += weight * (math.log(normaliser) - on * Z[i, y[i]] - off * logits)
    return loss
