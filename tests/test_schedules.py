"""Learning-rate schedules, by their formulas."""

import math

import pytest

from sknn6.nn.schedules import SCHEDULES, Progress

EXPECTED = {
    "constant": [(Progress(0.1, 0.0), 0.1), (Progress(0.1, 1.0, 999, 3), 0.1)],
    "invscaling": [
        (Progress(0.1, samples=0), 0.1),
        (Progress(0.1, samples=99), 0.01),
        (Progress(0.1, samples=99, power_t=1.0), 0.001),
        (Progress(0.1, samples=99, power_t=500.0), 0.0),  # 100^500 is beyond the range of the floats
    ],
    "adaptive": [(Progress(0.1), 0.1), (Progress(0.1, plateaus=2), 0.1 / 25)],
    "cosine": [
        (Progress(0.1, 0.0), 0.1),
        (Progress(0.1, 0.25), 0.1 * (1 + math.sqrt(0.5)) / 2),
        (Progress(0.1, 0.5), 0.05),
        (Progress(0.1, 1.0), 0.0),
    ],
    "one_cycle": [
        (Progress(0.1, 0.0), 0.004),
        (Progress(0.1, 0.15), 0.052),
        (Progress(0.1, 0.3), 0.1),
        (Progress(0.1, 0.65), 0.05),
        (Progress(0.1, 1.0), 0.0),
    ],
    "step": [(Progress(0.1, 0.49), 0.1), (Progress(0.1, 0.5), 0.01), (Progress(0.1, 0.75), 0.001)],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_values(name):
    for progress, rate in EXPECTED[name]:
        assert SCHEDULES[name].rate(progress) == pytest.approx(rate, abs=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_never_above_the_initial_rate_nor_below_zero(name):
    rates = [SCHEDULES[name].rate(Progress(1.0, i / 100, 10 * i, i // 10)) for i in range(101)]
    assert max(rates) <= 1
    assert min(rates) >= 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_that_depends_on_the_part_of_the_training_follows_a_plan(name):
    early, late = (SCHEDULES[name].rate(Progress(0.1, fraction, 50, 1)) for fraction in (0.2, 0.9))
    assert SCHEDULES[name].follows_plan == (early != late)


def test_what_other_solvers_than_sgd_ignore():
    """scikit-learn says of both: "Only used when solver='sgd'"."""
    assert {name for name, schedule in SCHEDULES.items() if schedule.for_sgd} == {"invscaling", "adaptive"}
