"""Read the columns of tables, which are data frames of any library or arrays, as numbers or as texts."""

from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import DTypeLike

from sknn6.dates import is_object
from sknn6.nn.annotations import Array

__all__ = [
    "MISSING", "as_frame", "as_table", "column_of", "has_missing", "holds_categories", "is_category",
    "is_number", "is_table", "levels_of", "name_of", "numbers_of", "values_of",
]  # fmt: skip

# Prefixes of the names of dtypes of categories and of strings in NumPy, pandas, polars and pyarrow.
CATEGORIES = "category", "categorical", "dictionary", "enum"
STRINGS = "str", "large_string", "utf8"

# The text that stands for a missing category.
MISSING = "\0missing"


def as_frame(X: Any) -> Any:
    """Return a Table of pyarrow as a frame of pandas, and anything else unchanged; refuse lazy frames."""
    if hasattr(X, "column_names") and hasattr(X, "to_pandas"):
        return X.to_pandas()
    if hasattr(X, "collect") and hasattr(X, "lazy"):
        raise TypeError(f"X must have its data in memory, got a {type(X).__name__}. Call its collect().")
    return X


def as_table(X: Any, dtype: DTypeLike | None = None) -> Any:
    """Return a list of rows as an array; anything else unchanged.

    Without a dtype, a list with strings stays a list, which scikit-learn reads as numbers or refuses.
    """
    if not isinstance(X, list | tuple):
        return X
    try:
        rows = np.array(X, dtype)
    except ValueError:  # rows of different lengths, which scikit-learn refuses
        return X
    has_strings = dtype is None and any(isinstance(value, str) for value in rows.flat)
    return X if has_strings else rows


def is_table(X: Any) -> bool:
    """Return whether X is a data frame, or an array of Python objects, whose columns may be of any kind."""
    return (hasattr(X, "dtypes") and hasattr(X, "columns")) or is_object(getattr(X, "dtype", None))


def has_missing(X: Any) -> bool:
    """Return whether X is an array of floats with NaN among them."""
    if not isinstance(X, np.ndarray) or X.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        return bool(np.isnan(X.sum())) and bool(np.isnan(X).any())


def column_of(X: Any, j: int) -> Any:
    """Return a column of a data frame of any library, or of an array."""
    return X.iloc[:, j] if hasattr(X, "iloc") else X[:, j]


def name_of(X: Any, j: int) -> str:
    """Return the name of a column for error messages."""
    return f"Column {str(X.columns[j])!r}" if hasattr(X, "columns") else f"Column {j}"


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or pandas.NA."""
    try:
        return value is None or type(value).__name__ == "NAType" or bool(value != value)
    except (TypeError, ValueError):  # an array or a series is neither true nor false
        return False


def values_of(column: Any) -> Array:
    """Return the values of a column as an array."""
    try:
        return np.asarray(column)
    except Exception:  # of a dtype that NumPy lacks, such as Int128 of polars
        return np.array(list(column), object)


def numbers_of(X: Any, j: int) -> Array:
    """Return a column as floats, with NaN for missing numbers; raise ValueError for other values."""
    column = column_of(X, j)
    try:
        x = values_of(column)
        if x.dtype.kind not in "fiub":
            x = np.array([np.nan if is_missing(value) else value for value in column], np.float64)
        if x.ndim > 1:
            raise TypeError("lists of numbers make a matrix")
    except (TypeError, ValueError, OverflowError):
        wrong = next(value for value in column if not is_number(value))
        raise ValueError(
            f"{name_of(X, j)} of X must have numbers, got {wrong!r}. Categories are strings or a category "
            'dtype at fit with categorical_features="from_dtype", or the columns that it names.'
        ) from None
    x = x.astype(np.result_type(x, np.float32), copy=False)  # float64 from integers of 32 bits on
    if np.isinf(x).any():
        raise ValueError(f"{name_of(X, j)} of X contains infinity or a value too large for {x.dtype}.")
    return x


def is_number(value: Any) -> bool:
    """Return whether a value is a number, the text of a number, or missing."""
    if is_missing(value):
        return True
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def levels_of(X: Any, j: int) -> tuple[list[str], Array]:
    """Return the texts of the distinct values of a column, and for each row the index of its text.

    An index may be -1, which is that of the last text, `MISSING`.
    """
    column = column_of(X, j)
    if hasattr(column, "cat") and hasattr(column.cat, "codes"):  # pandas: by far the fastest way
        texts = [text_of(value, X, j) for value in column.cat.categories]
        # A missing value has the code -1, which as an index is the last text, MISSING.
        return [*texts, MISSING], np.asarray(column.cat.codes, np.intp)
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    try:
        number, rows = numbered(values)
    except TypeError:  # a value that cannot be hashed
        for value in values:
            text_of(value, X, j)
        raise
    if 0 in number or 1 in number:  # as keys, they are the same as False and True
        number, rows = numbered(
            [str(value) if isinstance(value, bool | np.bool_) else value for value in values]
        )
    return [text_of(value, X, j) for value in number], rows


def numbered(values: list[Any]) -> tuple[dict[Any, int], Array]:
    """Return the number of each distinct value, and the number of each value."""
    number: dict[Any, int] = {}
    rows = np.array([number.setdefault(value, len(number)) for value in values], np.intp)
    return number, rows


def text_of(value: Any, X: Any, j: int) -> str:
    """Return the text that identifies a category; raise TypeError if it has none."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real | Decimal):
        number = float(value)
        return str(int(number)) if number.is_integer() else str(number)
    if isinstance(value, Enum | UUID) or type(value).__name__ == "Interval":  # of pandas.cut
        return str(value)
    raise TypeError(
        f"{name_of(X, j)} of X: argument must be a string or a number, got {type(value).__name__}."
    )


def is_category(column: Any) -> bool:
    """Return whether the dtype of a column is one of categories, not one of strings."""
    return str(getattr(column, "dtype", "")).lower().startswith(CATEGORIES)


def holds_categories(column: Any) -> bool:
    """Return whether the dtype of a column, or its Python objects, make it one of categories."""
    dtype = str(column.dtype).lower()
    if dtype.startswith(CATEGORIES + STRINGS):
        return True
    if dtype != "object":
        return False
    return not all(isinstance(value, Real | np.bool_ | Decimal) or is_missing(value) for value in column)
