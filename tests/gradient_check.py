"""Centred differences, as the lecture checks a gradient: float64, h = 1e-5, relative error at most 1e-7."""

import numpy as np

H = 1e-5
SMOOTH, KINKED = 1e-7, 1e-4


def numerical_gradient(f, theta):
    """Differentiate the number f() by every entry of theta, which f reads."""
    gradient = np.empty_like(theta)
    for index in np.ndindex(theta.shape):
        value = theta[index]
        theta[index] = value + H
        above = f()
        theta[index] = value - H
        below = f()
        theta[index] = value
        gradient[index] = (above - below) / (2 * H)
    return gradient


def relative_error(analytic, numeric):
    """Give max |a - n| / max(|a|, |n|), the maxima over all entries."""
    return np.abs(analytic - numeric).max() / max(np.abs(analytic).max(), np.abs(numeric).max())


def has_kink(activation):
    """Tell whether the derivative jumps, at 0 or where pieces meet."""
    learned = [start for _, start in activation.learned]
    ends = np.zeros((1, 2 * activation.pieces))
    ends[:, :2] = -1e-9, 1e-9
    result = activation.backward(np.ones((1, 2)), activation.forward(ends, *learned)[1], *learned)
    slopes = (result[0] if learned else result)[:, :2]
    return abs(slopes[0, 1] - slopes[0, 0]) > 1e-3
