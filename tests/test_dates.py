"""Dates, times and durations are refused by column, whatever holds them; numbers are not."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener

ESTIMATORS = [
    MLPClassifier(4, max_iter=2),
    MLPRegressor(hidden_layer_sizes=4, max_iter=2),
    Standardizer(),
    Whitener(),
]
DAYS = pd.date_range("2020-02-28", periods=20)
MOMENTS = [day.to_pydatetime() for day in DAYS]
DATES = [moment.date() for moment in MOMENTS]
NUMBERS = np.linspace(-1, 1, 20)
y = np.arange(20) % 2

COLUMNS = {
    "datetime": DAYS,
    "datetime with a zone": DAYS.tz_localize("UTC"),
    "datetime with NaT": DAYS[:3].append(pd.DatetimeIndex([None])).append(DAYS[4:]),
    "timedelta": DAYS - DAYS[0],
    "period": DAYS.to_period("D"),
    "objects": pd.Series(DATES, dtype=object),
    "objects, the first missing": pd.Series([None, *DATES[1:]], dtype=object),
    "categories": pd.Categorical(DAYS),
    "pyarrow timestamp": pd.Series(DAYS).astype("timestamp[ns][pyarrow]"),
    "pyarrow date": pd.Series(DATES, dtype="date32[day][pyarrow]"),
    "pyarrow duration": pd.Series(DAYS - DAYS[0]).astype("duration[ns][pyarrow]"),
}
POLARS = {
    "datetime": MOMENTS,
    "date": DATES,
    "duration": [moment - MOMENTS[0] for moment in MOMENTS],
    "time": [dt.time(hour) for hour in range(20)],
    "datetime with null": [None, *MOMENTS[1:]],
}
ARRAYS = {
    "datetime64": DAYS.to_numpy()[:, None],
    "timedelta64": (DAYS - DAYS[0]).to_numpy()[:, None],
    "a list": [[1.0, moment] for moment in MOMENTS],
    "objects": np.array([[1.0, moment] for moment in DAYS.to_numpy()], dtype=object),
}
FRAMES = {
    **{f"pandas, {kind}": pd.DataFrame({"a": NUMBERS, "when": column}) for kind, column in COLUMNS.items()},
    **{f"pandas, {kind} only": pd.DataFrame({"when": column}) for kind, column in COLUMNS.items()},
    **{f"polars, {kind}": pl.DataFrame({"a": NUMBERS, "when": column}) for kind, column in POLARS.items()},
}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("name", FRAMES)
def test_columns_of_dates_are_refused_by_name(name, estimator):
    message = (
        f"^{type(estimator).__name__} needs numbers, got dates, times or durations in the columns "
        r"\['when'\] of X\. Convert them to numbers.*TableVectorizer"
    )
    with pytest.raises(TypeError, match=message):
        clone(estimator).fit(FRAMES[name], y)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_dates_are_refused(name, estimator):
    where = "X." if name.endswith("64") else "the columns [1] of X."
    with pytest.raises(TypeError, match=re.escape(f"got dates, times or durations in {where}")):
        clone(estimator).fit(ARRAYS[name], y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_they_are_refused_after_a_fit_on_numbers(estimator):
    model = clone(estimator).fit(NUMBERS[:, None], y)
    for method in ("predict", "predict_proba", "transform", "partial_fit"):
        if hasattr(model, method):
            more = (y,) if method == "partial_fit" else ()
            with pytest.raises(TypeError, match="got dates, times or durations in X"):
                getattr(model, method)(ARRAYS["datetime64"], *more)


@pytest.mark.parametrize("when", [DAYS, DAYS.to_numpy(), pd.Series(DAYS), pl.Series(MOMENTS), MOMENTS])
def test_a_regressor_needs_numbers_as_targets(when):
    with pytest.raises(TypeError, match=r"MLPRegressor needs numbers, got dates, times or durations in y\."):
        MLPRegressor().fit(NUMBERS[:, None], when)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_dates_can_be_classes():
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(NUMBERS[:, None], DAYS.to_numpy()[y])
    assert set(model.predict(NUMBERS[:, None])) <= set(DAYS.to_numpy()[:2])


NUMERIC = {
    "timedelta as days": pd.DataFrame({"days": (DAYS - DAYS[0]).days, "time": NUMBERS}),
    "categories of numbers": pd.DataFrame({"a": pd.Categorical(y), "date": NUMBERS}),
    "objects": pd.DataFrame({"a": NUMBERS.astype(object), "period": [1, *NUMBERS[1:]]}),
    "nullable": pd.DataFrame({"a": pd.array(y, dtype="Int64"), "b": NUMBERS}),
    "polars": pl.DataFrame({"time": NUMBERS, "a": y}),
}


@pytest.mark.parametrize("name", NUMERIC)
def test_numbers_are_not_refused(name):
    expected = Standardizer().fit_transform(np.asarray(NUMERIC[name], dtype=float))
    np.testing.assert_array_equal(Standardizer().fit_transform(NUMERIC[name]), expected)
