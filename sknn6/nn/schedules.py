"""Learning-rate schedules: the learning rate as a function of progress.

To add one, write a function of a `Progress` and give it a row in `SCHEDULES`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SCHEDULES", "Progress", "Schedule", "cycle_ends"]


@dataclass
class Progress:
    """How far a training has come.

    Parameters
    ----------
    initial : float
        The estimator's ``learning_rate_init``.
    fraction : float
        Share of the planned steps that are done, from 0 to 1.
    samples : int
        Samples seen in the finished epochs, of all calls to fit or partial_fit.
    plateaus : int
        How often the training stopped improving.
    power_t : float
        The estimator's exponent for `invscaling`.
    """

    initial: float
    fraction: float = 0.0
    samples: int = 0
    plateaus: int = 0
    power_t: float = 0.5


@dataclass(frozen=True)
class Schedule:
    """A learning rate as a function of progress, and further properties of the schedule.

    Parameters
    ----------
    rate : callable
        ``rate(progress) -> float``.
    follows_plan : bool
        Whether the rate depends on the fraction of the training that is done, so that its length must be
        known in advance. If it is not, as in `partial_fit`, the rate is constant.
    for_sgd : bool
        Whether only sgd uses the schedule, and other solvers have a constant rate, as in scikit-learn.
    answers_plateaus : bool
        Whether the rate falls at a plateau, where the training would otherwise stop.

    Examples
    --------
    >>> from sknn6.nn.schedules import SCHEDULES, Progress
    >>> SCHEDULES["cosine"].rate(Progress(initial=0.1, fraction=0.5))
    0.05
    """

    rate: Callable[[Progress], float]
    follows_plan: bool = False
    for_sgd: bool = False
    answers_plateaus: bool = False


def constant(progress: Progress) -> float:
    """Keep the initial rate."""
    return progress.initial


def invscaling(progress: Progress) -> float:
    """Return initial / (t + 1)^power_t, t the samples seen."""
    return progress.initial * float(progress.samples + 1) ** -progress.power_t  # may underflow, not overflow


def adaptive(progress: Progress) -> float:
    """Divide by 5 at each plateau: initial / 5^plateaus."""
    return progress.initial / 5**progress.plateaus


def half_cosine(t: float) -> float:
    """Return (1 + cos(pi t)) / 2, which falls from 1 to 0 as t goes from 0 to 1."""
    return 0.5 * (1 + math.cos(math.pi * t))


def cosine(progress: Progress) -> float:
    """Return initial (1 + cos(pi t)) / 2, t the fraction done: down to 0."""
    return progress.initial * half_cosine(progress.fraction)


WARM_UP = 0.3


def one_cycle(progress: Progress) -> float:
    """Rise linearly from initial / 25 over the first 30 %, then fall along a half cosine to 0 [1]_.

    References
    ----------
    .. [1] Smith & Topin (2017), Super-Convergence: Very Fast Training of Neural Networks Using Large
       Learning Rates, arXiv:1708.07120.
    """
    t = progress.fraction
    if t < WARM_UP:
        return progress.initial * (0.04 + 0.96 * t / WARM_UP)
    return progress.initial * half_cosine((t - WARM_UP) / (1 - WARM_UP))


def step(progress: Progress) -> float:
    """Divide by 10 at one half and again at three quarters of the training."""
    return progress.initial * 0.1 ** ((progress.fraction >= 0.5) + (progress.fraction >= 0.75))


# More cycles are pointless: the first would only last an epoch in a training of about 3**40 epochs.
MOST_CYCLES = 40


def cycle_ends(epochs: int, cycles: int) -> list[int]:
    """Return after how many epochs each cycle of the rate ends.

    A cycle is three times as long as the one before. There are fewer cycles if the first ones would have no
    epoch.

    Examples
    --------
    >>> from sknn6.nn.schedules import cycle_ends
    >>> cycle_ends(40, 2), cycle_ends(2, 3)
    ([10, 40], [1, 2])
    """
    cycles = min(cycles, MOST_CYCLES)
    whole = 3**cycles - 1  # twice the sum of the lengths 1, 3, 9, ...
    ends = {round(epochs * (3**k - 1) / whole) for k in range(1, cycles + 1)}
    return sorted(ends - {0})


SCHEDULES = {
    "constant": Schedule(constant),
    "invscaling": Schedule(invscaling, for_sgd=True),
    "adaptive": Schedule(adaptive, for_sgd=True, answers_plateaus=True),
    "cosine": Schedule(cosine, follows_plan=True),
    "one_cycle": Schedule(one_cycle, follows_plan=True),
    "step": Schedule(step, follows_plan=True),
}
