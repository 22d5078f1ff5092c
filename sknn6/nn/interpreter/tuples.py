"""What a compiled training reads and writes, in tuples with names, as Numba takes them."""

from typing import NamedTuple

from sknn6.nn.annotations import Array

__all__ = ["Batch", "Member", "Rules", "Slice", "State", "Vectors"]


class Vectors(NamedTuple):
    """The vectors that the operations read and write; all but `work` are those of all members."""

    theta: Array
    grad: Array
    statistics: Array
    work: Array  # a member's memory for the inputs and outputs of its operations


class State(NamedTuple):
    """The vectors of all members that only updates read and write."""

    first: Array  # the optimizer's first state vector: m, or the velocity
    second: Array  # its second one: v, or empty
    average: Array  # the average of the weights, or empty
    mean: Array  # the mean gradient of the batches of an update, or empty if that is one batch


class Rules(NamedTuple):
    """The constants of a training; the weight decay is that of the member."""

    loss: int
    loss_parameter: float  # the parameter of the loss: smoothing or delta
    optimizer: int
    alpha: float
    weight_decay: float
    clip_norm: float  # inf is none
    ema_decay: float
    accumulation: int  # batches per update
    beta_1: float = 0.0  # this and the next two are Adam's
    beta_2: float = 0.0
    epsilon: float = 0.0
    momentum: float = 0.0  # this and the next one are those of SGD
    nesterovs_momentum: bool = False


class Member(NamedTuple):
    """One network, and all that its training needs besides the batches."""

    operations: Array  # (operations,), of type `OPERATION`
    parameters: Array  # (arrays, 3): of each array its start in theta, its size, and whether it decays
    rules: Rules
    vectors: Vectors
    state: State


class Slice(NamedTuple):
    """Consecutive batches, with the learning rates and dropout seeds of their updates."""

    X: Array  # (rows, fan_in)
    codes: Array  # (rows, columns with learned vectors), the indices of the rows of E
    classes: Array  # (rows,), the targets of the softmax; empty for other losses
    Y: Array  # (rows, outputs), the targets of other losses; empty for the softmax
    weight: Array  # (rows,), or empty if all weights are 1
    own: Array  # (rows,), this member's normalised weights in the loss; empty if `weight` is for all members
    bounds: Array  # (batches + 1,), the first row of each batch
    rates: Array  # (updates,)
    seeds: Array  # (batches, dropout layers)


class Batch(NamedTuple):
    """What the operations need of a batch."""

    X: Array  # (rows, fan_in)
    codes: Array  # (rows, columns with learned vectors)
    p: Array  # (rows,), the normalised weights; a single number, 1 / rows, if all weights are 1
    weight: float  # the sum of the weights before
    seeds: Array  # (dropout layers,)
