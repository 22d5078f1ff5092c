"""Dates and times are no numbers: NumPy would make integers of them, and of one that is missing -9.2e18."""

from contextlib import suppress
from datetime import date, time, timedelta

import numpy as np

__all__ = ["refuse_dates"]

# How the names of such types begin in NumPy, pandas, polars and pyarrow, and what Python objects they are.
NAMES = ("date", "time", "duration", "period")
OBJECTS = (date, time, timedelta, np.datetime64, np.timedelta64)


def refuse_dates(estimator, data, name="X"):
    """Raise TypeError, with the names of the columns, if data hold dates, times or durations."""
    found = [column for column, dtype, values in columns(data) if are_dates(dtype, values)]
    if found:
        where = name if found == [None] else f"the columns {found} of {name}"
        raise TypeError(
            f"{type(estimator).__name__} needs numbers, got dates, times or durations in {where}. Make "
            "numbers of them, such as the year, the weekday or the days since a certain date, or put skrub's "
            "TableVectorizer before the estimator in a Pipeline, which does."
        )


def are_dates(dtype, values):
    """Return whether a type of any library is one of dates; for Python objects, whether a value is."""
    dtype = getattr(getattr(dtype, "categories", dtype), "dtype", dtype)  # categories may be dates
    return str(dtype).lower().startswith(NAMES) or any(isinstance(value, OBJECTS) for value in values)


def columns(data):
    """Yield name, type and, of Python objects, the values of each column; None names an array as a whole."""
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        for i, (name, dtype) in enumerate(zip(data.columns, data.dtypes, strict=True)):
            yield name, dtype, data.iloc[:, i] if is_object(dtype) else ()
        return
    if isinstance(data, list | tuple):
        with suppress(ValueError):  # of what is no array, scikit-learn tells
            data = np.asarray(data, dtype=object)
    dtype = getattr(data, "dtype", None)
    if is_object(dtype) and np.ndim(data) == 2:
        yield from ((i, dtype, column) for i, column in enumerate(np.transpose(data)))
    else:
        yield None, dtype, np.ravel(data) if is_object(dtype) else ()


def is_object(dtype):
    """Return whether values of a type are Python objects."""
    return str(dtype) == "object"
