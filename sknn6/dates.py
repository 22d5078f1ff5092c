"""Refuse dates and times, which NumPy would convert to integers: a missing one to -9.2e18."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, time, timedelta
from typing import Any

import numpy as np

__all__ = ["is_object", "refuse_dates"]

# Prefixes of the names of dtypes of dates and times in NumPy, pandas, polars and pyarrow, and their classes.
NAMES = ("date", "time", "duration", "period")
OBJECTS = (date, time, timedelta, np.datetime64, np.timedelta64)


def refuse_dates(estimator: object, data: Any, name: str = "X") -> None:
    """Raise TypeError, with the names of the columns, if data contain dates, times or durations."""
    found = [name for name, dtype, values in columns(data) if are_dates(dtype, values)]
    if found:
        where = name if found == [None] else f"the columns {found} of {name}"
        raise TypeError(
            f"{type(estimator).__name__} needs numbers, got dates, times or durations in {where}. Convert "
            "them to numbers, such as the year, the weekday or the days since a certain date. skrub's "
            "TableVectorizer, put before the estimator in a Pipeline, does so."
        )


def are_dates(dtype: Any, values: Iterable[Any]) -> bool:
    """Return whether a dtype of any library is that of dates or times, or one of the values is one."""
    dtype = getattr(getattr(dtype, "categories", dtype), "dtype", dtype)  # categories may be dates
    return str(dtype).lower().startswith(NAMES) or any(isinstance(value, OBJECTS) for value in values)


def columns(data: Any) -> Iterator[tuple[Any, Any, Iterable[Any]]]:
    """Yield (name, dtype, values) of each column that may have dates.

    There are values only for Python objects. The name of an array is None.
    """
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        dtypes = list(data.dtypes)
        # Many columns share a dtype, and it takes long to tell what one is.
        distinct = {id(dtype): dtype for dtype in dtypes}
        suspect = {key: is_object(dtype) or are_dates(dtype, ()) for key, dtype in distinct.items()}
        for i, (name, dtype) in enumerate(zip(data.columns, dtypes, strict=True)):
            if suspect[id(dtype)]:
                yield name, dtype, data.iloc[:, i] if is_object(dtype) else ()
        return
    if isinstance(data, list | tuple):
        with suppress(ValueError):  # not an array; scikit-learn raises its own error later
            data = np.asarray(data, dtype=object)
    dtype = getattr(data, "dtype", None)
    if is_object(dtype) and np.ndim(data) == 2:
        yield from ((i, dtype, column) for i, column in enumerate(np.transpose(data)))
    else:
        yield None, dtype, np.ravel(data) if is_object(dtype) else ()


def is_object(dtype: Any) -> bool:
    """Return whether a dtype is that of Python objects."""
    return str(dtype) == "object"
