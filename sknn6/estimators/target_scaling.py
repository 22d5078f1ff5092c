"""The scaling of the targets of a regression: learned from y, and updated in a stream."""

import numpy as np

from sknn6.moments import moments
from sknn6.nn.annotations import Array
from sknn6.nn.network import Network
from sknn6.nn.outputs import OutputScaling
from sknn6.training.scaling import Moments
from sknn6.training.state import TrainingState
from sknn6.training.targets import Numbers

__all__ = ["adapt_to_scaling", "learn_level", "multiply_outputs", "scale_targets"]

# (share of the rows below an interval around the median, and as many above; width of that interval for the
# standard normal distribution).
INTERVALS = ((0.25, 1.3489795), (0.05, 3.2897073), (0.01, 4.6526957))

# An interquartile range below this share of the next interval's width, each in units of its width for the
# normal distribution, is a rounding error, as for targets that should be 0 but were computed.
TOO_NARROW = 1e-6

# The divisor of a constant target, as a share of its size.
CONSTANT = 1e-6

# In a stream, quartiles of fewer rows are not used: they are uncertain, and later rows do not correct them,
# as they correct mean and deviation.
FEWEST_FOR_QUARTILES = 100


def scale_targets(targets: Numbers, state: TrainingState, y: Array, weight: Array | None) -> Numbers:
    """Return the targets with a scaling learned from y, or updated with y as long as it is not final."""
    known = state.target_moments
    if targets.scaling is not None and known is None:
        return targets
    Y, weight = counted_rows(targets, y, weight)
    found = moments_with(known, Y, weight)
    varies = len(Y) >= FEWEST_FOR_QUARTILES and not found.constant().any()
    if targets.entry.is_robust and known is None and (varies or not state.streamed):
        return targets.scaled(robust_scaling(Y, weight, found))
    state.target_moments = None if found.enough() else found
    return targets.scaled(OutputScaling(found.mean, scale_of_targets(found, state.streamed)))


def learn_level(targets: Numbers, state: TrainingState, y: Array, weight: Array | None) -> Array:
    """Return the mean of each target so far, or 1 for a mean of 0.

    The mean is over all calls of the training. With "poisson", the gradients are divided by the level: if
    each call had its own, a call of small targets would be divided by less, and so count more.
    """
    state.target_moments = moments_with(state.target_moments, *counted_rows(targets, y, weight))
    mean = state.target_moments.mean
    return np.where(mean > 0, mean, 1)


def counted_rows(targets: Numbers, y: Array, weight: Array | None) -> tuple[Array, Array | None]:
    """Return the targets and weights of the rows of positive weight, the targets as a matrix."""
    Y = targets.columns(y)
    return (Y, None) if weight is None else (Y[weight > 0], weight[weight > 0])


def moments_with(known: Moments | None, Y: Array, weight: Array | None) -> Moments:
    """Return the moments of the targets, together with those of earlier rows, if there are any."""
    total, mean, deviation = moments(Y, weight)
    found = Moments(len(Y), float(np.max(total)), mean, deviation)
    return found if known is None else known + found


def scale_of_targets(found: Moments, streamed: bool) -> Array:
    """Return the divisor of each target: its deviation or, for a constant target, a tiny number.

    The tiny number is 1e-6 of the target's size, so that whatever the network returns, the prediction stays
    near the constant. In a stream the divisor of a constant target is 1, since the next rows may vary.
    """
    if streamed:
        return found.scale()
    size = np.where(found.mean != 0, np.abs(found.mean), 1.0)
    return np.where(found.constant(), CONSTANT * size, found.deviation)


def robust_scaling(Y: Array, weight: Array | None, found: Moments) -> OutputScaling:
    """Return the scaling by median and interquartile range, with mean and deviation for a constant target.

    The range is divided by that of the standard normal distribution. Where it is 0 or a rounding error, as of
    targets of which most are 0, it is that of a wider interval.
    """
    narrow, wide, widest = (
        (quantile(Y, weight, 1 - share) - quantile(Y, weight, share)) / of_normal
        for share, of_normal in INTERVALS
    )
    scale = np.where(widest > 0, widest, scale_of_targets(found, streamed=False))
    scale = np.where(wide > 0, wide, scale)
    scale = np.where((narrow > 0) & (narrow >= TOO_NARROW * wide), narrow, scale)
    return OutputScaling(np.where(widest > 0, quantile(Y, weight, 0.5), found.mean), scale)


def quantile(Y: Array, weight: Array | None, q: float) -> Array:
    """Return the q-quantile of each column: the least value up to which lies a share q of the weight."""
    order = np.argsort(Y, axis=0)
    weight = np.ones(len(Y)) if weight is None else weight
    reached = np.cumsum(weight[order], axis=0) >= q * weight.sum() * (1 - 1e-12)
    return np.take_along_axis(Y, order, axis=0)[reached.argmax(axis=0), np.arange(Y.shape[1])]


def adapt_to_scaling(
    network: Network, before: OutputScaling | None, now: OutputScaling | None
) -> Array | None:
    """Adapt the last layer to a new scaling of the targets; return the old scale divided by the new one.

    None if the scaling is as before.
    """
    if before is None or now is None or now.equals(before):
        return None
    now.adapt_last_layer(network.dense()[-1], before)
    return (before.scale / now.scale).astype(network.dtype)


def multiply_outputs(network: Network, factor: float | Array) -> None:
    """Multiply the weights and biases of the last layer by a factor, or by one for each output."""
    last = network.dense()[-1]
    last.W *= factor
    last.b *= factor
