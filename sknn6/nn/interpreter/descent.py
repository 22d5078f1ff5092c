"""Gradient descent on a slice of batches: for each update its gradient, then the step."""

import math

from sknn6.nn.annotations import Array
from sknn6.nn.interpreter.decorators import compiled, inlined
from sknn6.nn.interpreter.dispatch import backward, forward
from sknn6.nn.interpreter.losses import cross_entropy, loss_of_outputs
from sknn6.nn.interpreter.tuples import Batch, Member, Slice
from sknn6.nn.interpreter.update import accumulate, update
from sknn6.nn.interpreter.views import block
from sknn6.nn.operations import SOFTMAX

__all__ = ["train_on"]


@inlined
def train_on(member: Member, batches: Slice, t: int, with_rare: int | None) -> float:
    """Train a network on the batches and return the sum over the updates of number of rows times loss.

    Parameters
    ----------
    member : Member
    batches : Slice
    t : int
        Number of updates so far.
    with_rare : int or None
        Whether the rare parts are compiled, see `sknn6.nn.program.version_for`.
    """
    accumulation, total = member.rules.accumulation, 0.0
    for u in range(len(batches.rates)):
        mean_loss, n_rows, update_weight = 0.0, 0, 0.0
        first = u * accumulation
        for i in range(first, min(first + accumulation, len(batches.bounds) - 1)):
            loss, weight = loss_and_gradient(member, batches, i, with_rare)
            if weight == 0:
                continue
            n_rows += batches.bounds[i + 1] - batches.bounds[i]
            update_weight += weight
            mean_loss += weight / update_weight * (loss - mean_loss)
            if with_rare is not None and accumulation > 1:
                accumulate(member.parameters, member.vectors.grad, member.state.mean, weight / update_weight)
        if n_rows == 0:
            continue
        total += n_rows * mean_loss
        if not math.isfinite(total):
            break
        t += 1
        total += n_rows * update(member, batches.rates[u], update_weight, t, with_rare)
    return total


@inlined
def loss_and_gradient(member: Member, batches: Slice, i: int, with_rare: int | None) -> tuple[float, float]:
    """Return the loss of batch i and the sum of its weights, and write the gradient.

    If the sum is 0, there is no loss and no gradient.
    """
    operations, rules, vectors = member.operations, member.rules, member.vectors
    work, start, stop = vectors.work, batches.bounds[i], batches.bounds[i + 1]
    n = stop - start
    p = work[:n] if len(batches.weight) else work[:1]
    weight = weigh(batches.weight[start:stop], n, p)
    if weight == 0:
        return 0.0, 0.0
    batch = Batch(batches.X[start:stop], batches.codes[start:stop], p, weight, batches.seeds[i])
    forward(operations, vectors, batch, with_rare)
    own = batches.own[start:stop] if len(batches.own) else p
    last = operations[len(operations) - 1]
    Z, dZ = block(work, last.out, n, last.units), block(work, last.dout, n, last.units)
    if rules.loss == SOFTMAX:
        loss = cross_entropy(Z, dZ, batches.classes[start:stop], own, rules.loss_parameter)
    else:
        loss = loss_of_outputs(rules.loss, Z, dZ, batches.Y[start:stop], own, rules.loss_parameter)
    backward(operations, vectors, batch, with_rare)
    return loss, weight


@compiled
def weigh(weight: Array, n: int, p: Array) -> float:
    """Write the normalised weights to p and return the sum that they had before.

    If all weights are 1, p has a single number, 1 / n.
    """
    if len(weight) == 0:
        p[0] = 1 / n
        return float(n)
    total = 0.0
    for i in range(n):
        total += weight[i]
    for i in range(n):
        p[i] = weight[i] / total
    return total
