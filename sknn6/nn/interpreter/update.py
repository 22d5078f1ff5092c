"""An update: the mean gradient of its batches, penalty, clipping, the optimizer's step, average."""

import math

from sknn6.nn import compiled as kernels
from sknn6.nn.annotations import Array
from sknn6.nn.interpreter.decorators import compiled, inlined, summing
from sknn6.nn.interpreter.tuples import Member, Rules
from sknn6.nn.operations import ADAM

__all__ = ["accumulate", "update"]

# The layers' kernel has a wrapper for Python; here it needs none.
adam = summing(kernels.adam.py_func)


@compiled
def accumulate(parameters: Array, grad: Array, mean: Array, share: float) -> None:
    """Add the gradient of a batch to the mean over the batches of an update, with its share of their weight.

    Both vectors then have the new mean.
    """
    new, old = grad.dtype.type(share), grad.dtype.type(1 - share)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            mean[i] = old * mean[i] + new * grad[i]
            grad[i] = mean[i]


@inlined
def update(member: Member, rate: float, weight: float, t: int, with_rare: int | None) -> float:
    """Compute `Update.__call__` for one network and return the penalty."""
    parameters, rules, vectors, state = member.parameters, member.rules, member.vectors, member.state
    l2 = rules.alpha / weight
    strength, squares = l2, 0.0  # of the penalty that is returned
    shrink = 1 - rate * rules.weight_decay
    if with_rare is not None and rules.clip_norm < math.inf:
        squares, l2 = penalise(parameters, vectors.theta, vectors.grad, l2), 0.0
        clip(parameters, vectors.grad, rules.clip_norm)
    for k in range(len(parameters)):
        start, size, decays = parameters[k]
        n = size if decays else 0
        part = slice(start, start + size)
        theta, grad, first = vectors.theta[part], vectors.grad[part], state.first[part]
        if with_rare is None or rules.optimizer == ADAM:
            epsilon = rules.epsilon / math.sqrt(1 - rules.beta_2)
            step = rate * math.sqrt(1 - rules.beta_2**t) / (1 - rules.beta_1**t)
            step *= (1 - rules.beta_1) / math.sqrt(1 - rules.beta_2)
            second, work = state.second[part], vectors.work
            squares += adam(
                theta, grad, first, second, work, rules.beta_1, rules.beta_2, step, epsilon, l2, shrink, n
            )
        else:
            squares += sgd(theta, grad, first, rules, rate, l2, shrink, n)
        if len(state.average):
            follow(state.average[part], theta, 1 - min(rules.ema_decay, (1 + t) / (10 + t)))
    return 0.5 * strength * squares


@summing
def penalise(parameters: Array, theta: Array, grad: Array, l2: float) -> float:
    """Add the gradient of the penalty to that of the decaying parameters and return their squares' sum."""
    strength, squares = theta.dtype.type(l2), theta.dtype.type(0)
    for k in range(len(parameters)):
        start, size, decays = parameters[k]
        if decays and l2:
            for i in range(start, start + size):
                w = theta[i]
                squares += w * w
                grad[i] += strength * w
    return float(squares)


@summing
def clip(parameters: Array, grad: Array, most: float) -> None:
    """Scale the gradient down to the norm `most` if its norm is larger, without overflow of squares."""
    largest = grad.dtype.type(0)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            largest = max(largest, abs(grad[i]))
    if largest == 0 or not math.isfinite(largest):
        return
    squares = grad.dtype.type(0)
    for k in range(len(parameters)):
        start, size, _ = parameters[k]
        for i in range(start, start + size):
            g = grad[i] / largest
            squares += g * g
    norm = float(largest) * math.sqrt(squares)
    if norm > most:
        factor = grad.dtype.type(most / norm)
        for k in range(len(parameters)):
            start, size, _ = parameters[k]
            for i in range(start, start + size):
                grad[i] *= factor


@summing
def sgd(
    theta: Array,
    grad: Array,
    velocity: Array,
    rules: Rules,
    rate: float,
    l2: float,
    shrink: float,
    n: int,
) -> float:
    """Compute `decay`, then the step of `sknn6.nn.optimizers.SGD`."""
    scalar = theta.dtype.type
    squares, strength, factor = scalar(0), scalar(l2), scalar(shrink)
    for i in range(n):
        w = theta[i]
        squares += w * w
        grad[i] += strength * w
        theta[i] = factor * w
    beta, step = scalar(rules.momentum), scalar(rate)
    for i in range(theta.size):
        move = step * grad[i]
        velocity[i] = beta * velocity[i] - move
        theta[i] += beta * velocity[i] - move if rules.nesterovs_momentum else velocity[i]
    return float(squares) if l2 else 0.0


@compiled
def follow(average: Array, theta: Array, share: float) -> None:
    """Move the average towards theta: average += share (theta - average)."""
    part = theta.dtype.type(share)
    for i in range(theta.size):
        average[i] += part * (theta[i] - average[i])
