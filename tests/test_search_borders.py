"""Best values on the border of their ranges."""

import numpy as np
import pytest
from landscape import TOLD_ELSEWHERE, Landscape, X, search, y
from skopt.space import Integer, Real

from sknn6.search.borders import at_border
from sknn6.search.proposals import Proposals

pytestmark = TOLD_ELSEWHERE


@pytest.mark.filterwarnings("default:The best .* lies on the border")
def test_a_best_value_on_the_border_of_its_range_is_told():
    """The lecture: warn if the best value lies on the border. Widths to 11, where 37 is best.

    A width more is worth 0.01, more than all rates of the range differ by; the best rate is in its midst.
    """
    space = {"width": Integer(10, 11), "rate": Real(4e-3, 6e-3)}
    with pytest.warns(UserWarning, match=r"The best width, 11, lies on the border of its range") as told:
        search(Landscape(rate=5e-3, width=10), space=space, n_iter=12).fit(X, y)
    assert not any("best rate" in str(warning.message) for warning in told)


@pytest.mark.filterwarnings("error:The best .* lies on the border")
def test_the_estimators_own_value_is_not_told_to_lie_on_the_border():
    """A search that keeps what the user had does not ask for other ranges."""
    space = {"width": Integer(2, 20), "rate": Real(5e-3, 1e-1, "log-uniform")}
    found = search(Landscape(rate=5e-3, width=20), space, n_iter=1).fit(X, y)
    assert found.best_params_ == {"rate": 5e-3, "width": 20}


@pytest.mark.parametrize(
    ("dimension", "value", "border"),
    [
        (Integer(1, 8), 1, None),  # a depth
        (Real(0.0, 0.5), 0.0, None),
        (Real(0.5, 1.0), 1.0, None),  # a fraction
        (Integer(1, 8), 8, 8),
        (Integer(2, 8), 2, 2),
        (Real(0.0, 0.5), 0.5, 0.5),
        (Real(0.5, 1.0), 0.5, 0.5),
        (Real(1e-5, 1e-1, "log-uniform"), 1.05e-5, 1e-5),
        (Real(1e-5, 1e-1, "log-uniform"), 1.2e-5, None),
    ],
)
def test_the_end_of_what_makes_sense_is_no_border(dimension, value, border):
    """A border is a hundredth of the range; at 0, a depth of 1 or a fraction of 1 there is nothing beyond."""
    (axis,) = Proposals({"x": dimension}, (0, 0), {}).axes.values()
    assert at_border(value, axis) == border


@pytest.mark.filterwarnings("error:The best .* lies on the border")
@pytest.mark.filterwarnings("ignore:1 of 1 candidates failed or had no finite score")
def test_no_border_is_told_without_a_best():
    search(Landscape(rate=5e-1, result=np.nan), {"rate": Real(0.1, 0.5)}, n_iter=1).fit(X, y)
