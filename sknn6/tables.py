"""Encode tables with columns of numbers and of categories, which are data frames or arrays, as numbers.

A column has numbers or categories. A missing number is replaced by the mean of the others, and a column with
missing numbers in `fit` gets an additional column of indicators, 0 or 1. A category becomes its code. Code 0
means a category that was rare in `fit` or did not occur there. Missing values in a column of categories are a
category like any other.

A category is identified by its text, and a whole number by its digits: 3, 3.0 and "3" are the same category,
because the same file may be read with other dtypes the next day.

The module is long because it reads columns of many kinds, each with an error of its own.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse

from sknn6._sklearn_compat import check_nonzero_weight
from sknn6.dates import is_object

__all__ = ["Columns", "NewGapsError", "as_objects", "find_columns", "refuse_categories", "refuse_new_gaps"]

# Categories with fewer rows than this have code 0.
FEWEST_ROWS = 3

# Columns with more codes than this get learned vectors.
MOST_ONE_HOT = 32

# The text that stands for a missing category.
MISSING = "\0missing"


class NewGapsError(ValueError):
    """X has missing values, and that of `fit` had none."""


def find_columns(X: Any, categorical_features: Any, sample_weight: Any = None) -> "Columns | None":
    """Return what the columns of X are, None if all of them are numbers and none is missing.

    Parameters
    ----------
    X : data frame, ndarray or anything that is not a table
    categorical_features : "from_dtype", None, or array-like of bool, int or str
        The parameter of the estimators.
    sample_weight : array-like of shape (n_samples,) or None
        The weights of `fit`. Rows of weight 0 are ignored.
    """
    by_dtype = isinstance(categorical_features, str)
    if categorical_features is None:
        return None
    X = as_table(X, None if by_dtype else object)
    if by_dtype and not (is_table(X) or has_missing(X)):
        return None
    if issparse(X):
        raise ValueError(
            "categorical_features needs a data frame or a dense array, got a sparse X. Use "
            'categorical_features="from_dtype", which takes all its columns for numbers.'
        )
    if len(X.shape) != 2:
        return None  # scikit-learn refuses it
    weight = None if sample_weight is None else check_nonzero_weight(sample_weight, X)
    columns = Columns.learn(X, find_categorical(X, categorical_features), weight)
    if columns.numbers != list(range(X.shape[1])) or columns.gaps:
        return columns
    # Gaps may be left in columns without any number and in rows of weight 0. scikit-learn refuses an X that
    # has no number at all.
    has_gaps = bool(columns_with_gaps(X, columns.numbers))
    return columns if has_gaps and any(np.isfinite(numbers_of(X, j)).any() for j in columns.numbers) else None


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


def columns_with_gaps(X: Any, numbers: list[int]) -> list[str]:
    """Return the names of those of the columns of numbers that have missing values."""
    return [name_of(X, j) for j in numbers if has_missing(numbers_of(X, j))]


def is_table(X: Any) -> bool:
    """Return whether X is a data frame, or an array of Python objects, whose columns may be of any kind."""
    return (hasattr(X, "dtypes") and hasattr(X, "columns")) or is_object(getattr(X, "dtype", None))


def has_missing(X: Any) -> bool:
    """Return whether X is an array of floats with NaN among them."""
    if not isinstance(X, np.ndarray) or X.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        return bool(np.isnan(X.sum())) and bool(np.isnan(X).any())


@dataclass
class Columns:
    """How the columns of a table are encoded: first those of numbers, then indicators, then codes.

    All fields are plain data, which are part of saved models.

    Attributes
    ----------
    numbers : list of int
        The columns of numbers.
    fills : list of float
        For each of them, the number that replaces a missing one.
    gaps : list of int
        Those of them that have indicators of missing numbers.
    one_hot, embedded : list of int
        The columns of few and of many categories.
    categories : list of list of str
        For each column of categories, the texts of the categories with the codes 1, 2, and so on.
    """

    numbers: list[int] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    one_hot: list[int] = field(default_factory=list)
    embedded: list[int] = field(default_factory=list)
    categories: list[list[str]] = field(default_factory=list)

    @classmethod
    def learn(cls, X: Any, categorical: NDArray, weight: NDArray | None = None) -> Self:
        """Learn what the columns of a table are.

        Parameters
        ----------
        X : data frame or ndarray
        categorical : ndarray of bool of shape (n_features,)
            Which columns hold categories.
        weight : ndarray of shape (n_samples,) or None
            Rows of weight 0 are not looked at.
        """
        seen = slice(None) if weight is None else weight > 0
        weight = None if weight is None else weight[seen]
        columns, found = cls(), {}
        for j in range(X.shape[1]):
            if categorical[j]:
                texts, rows = levels_of(X, j)
                found[j] = find_categories(texts, rows[seen])
                few = len(found[j]) < MOST_ONE_HOT
                (columns.one_hot if few else columns.embedded).append(j)
                continue
            x = numbers_of(X, j)[seen]
            known = np.isfinite(x)
            share = None if weight is None else weight[known]
            columns.numbers.append(j)
            columns.fills.append(float(np.average(x[known], weights=share)) if known.any() else 0.0)
            if known.any() and not known.all():
                columns.gaps.append(j)
        columns.categories = [found[j] for j in columns.one_hot + columns.embedded]
        return columns

    @property
    def sources(self) -> list[int]:
        """For each encoded column, the column of the table from which it comes."""
        return self.numbers + self.gaps + self.one_hot + self.embedded

    @property
    def n_numbers(self) -> int:
        """The number of encoded columns that are not codes; they come first."""
        return len(self.numbers) + len(self.gaps)

    @property
    def sizes(self) -> tuple[list[int], list[int]]:
        """The numbers of codes of the columns of few categories, and of those of many."""
        sizes = [len(categories) + 1 for categories in self.categories]
        return sizes[: len(self.one_hot)], sizes[len(self.one_hot) :]

    def encode(self, X: Any) -> NDArray:
        """Return the encoded table, an ndarray of shape (n_samples, n_encoded).

        It is float32 if float32 can represent the dtype of each column of numbers, otherwise float64.

        Raises
        ------
        ValueError
            If a column of numbers has something else, or an infinite number.
        """
        read = [numbers_of(X, j) for j in self.numbers]
        narrow = all(x.dtype == np.float32 for x in read)
        Z = np.empty((X.shape[0], len(self.sources)), np.float32 if narrow else np.float64)
        missing = {}
        for column, (j, x, fill) in enumerate(zip(self.numbers, read, self.fills, strict=True)):
            missing[j] = np.isnan(x)
            Z[:, column] = np.where(missing[j], fill, x)
        for column, j in enumerate(self.gaps, len(self.numbers)):
            Z[:, column] = missing[j]
        for column, (j, categories) in enumerate(
            zip(self.one_hot + self.embedded, self.categories, strict=True), self.n_numbers
        ):
            Z[:, column] = codes_of(*levels_of(X, j), categories)
        return Z


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


def numbers_of(X: Any, j: int) -> NDArray:
    """Return a column as floats, with NaN for missing numbers; raise ValueError for other values."""
    column = column_of(X, j)
    try:
        x = np.asarray(column)
        if x.dtype.kind not in "fiub":
            x = np.array([np.nan if is_missing(value) else value for value in column], np.float64)
        if x.ndim > 1:
            raise TypeError("lists of numbers make a matrix")
    except (TypeError, ValueError):
        wrong = next(value for value in column if not is_number(value))
        raise ValueError(
            f"{name_of(X, j)} of X must have numbers, got {wrong!r}. Categories are strings or a category "
            'dtype at fit with categorical_features="from_dtype", or the columns that it names.'
        ) from None
    x = x.astype(np.result_type(x, np.float32), copy=False)  # float64 from integers of 32 bits on
    if np.isinf(x).any():
        raise ValueError(f"{name_of(X, j)} of X contains infinity or a value too large for {x.dtype}.")
    return x


def refuse_categories(estimator: Any, X: Any) -> None:
    """Raise ValueError, with the names of the columns, if a data frame has columns that are not numbers."""
    if not hasattr(X, "columns"):
        return
    wrong = [
        str(name)
        for j, name in enumerate(X.columns)
        if holds_categories(column_of(X, j)) and not all(map(is_number, column_of(X, j)))
    ]
    if wrong:
        raise ValueError(
            f"{type(estimator).__name__} needs numbers, got strings or categories in the columns {wrong} of "
            'X. MLPClassifier and MLPRegressor take them with categorical_features="from_dtype"; before a '
            "transformer, choose the columns of numbers with a ColumnTransformer."
        )


def refuse_new_gaps(estimator: Any, X: Any) -> None:
    """Raise NewGapsError with the columns of X that have missing values, after a fit on X without any.

    Do nothing for an estimator that takes no missing values in `fit` either.
    """
    X = as_table(X)
    takes_gaps = getattr(estimator, "categorical_features", None) is not None
    if not takes_gaps or issparse(X) or len(getattr(X, "shape", ())) != 2:
        return
    gaps = columns_with_gaps(X, list(range(X.shape[1])))
    if gaps:
        more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
        raise NewGapsError(
            f"Input X contains NaN ({', '.join(gaps[:5])}{more}), but that of fit had no missing values, and "
            "the network does not know the means of the columns. Set input_scaling=True, fit on rows of "
            "which some have gaps, or fill them before, as SimpleImputer does."
        )


def is_number(value: Any) -> bool:
    """Return whether a value is a number, the text of a number, or missing."""
    if is_missing(value):
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def levels_of(X: Any, j: int) -> tuple[list[str], NDArray]:
    """Return the texts of the distinct values of a column, and for each row the index of its text."""
    column = column_of(X, j)
    if hasattr(column, "cat") and hasattr(column.cat, "codes"):  # pandas: by far the fastest way
        texts = [text_of(value, X, j) for value in column.cat.categories]
        return [*texts, MISSING], np.asarray(column.cat.codes, np.intp)  # -1, the last, where one is missing
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    number: dict[Any, int] = {}
    try:
        rows = np.array([number.setdefault(value, len(number)) for value in values], np.intp)
    except TypeError:  # a value that cannot be hashed
        for value in values:
            text_of(value, X, j)
        raise
    return [text_of(value, X, j) for value in number], rows


def text_of(value: Any, X: Any, j: int) -> str:
    """Return the text that identifies a category; raise TypeError if it is neither a string nor a number."""
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
    raise TypeError(
        f"{name_of(X, j)} of X: argument must be a string or a number, got {type(value).__name__}."
    )


def find_categories(texts: list[str], rows: NDArray) -> list[str]:
    """Return the sorted categories that have their own codes; `texts` and `rows` come from `levels_of`."""
    counts: Counter[str] = Counter()
    for text, count in zip(texts, np.bincount(rows % len(texts), minlength=len(texts)), strict=True):
        counts[text] += int(count)
    return sorted(text for text, count in counts.items() if count >= FEWEST_ROWS)


def codes_of(texts: list[str], rows: NDArray, categories: list[str]) -> NDArray:
    """Return the code of each row, 0 where its text is not among the categories."""
    code = {category: i for i, category in enumerate(categories, 1)}
    return np.array([code.get(text, 0) for text in texts], np.intp)[rows]


def find_categorical(X: Any, given: Any) -> NDArray:
    """Return which columns of a table hold categories, an ndarray of bool.

    Parameters
    ----------
    X : data frame or ndarray
    given : "from_dtype" or array-like of bool, int or str
        "from_dtype" uses the dtypes of the columns. Otherwise a mask, indices or names of columns.

    Raises
    ------
    ValueError
        If `given` is none of these, or X has no such columns.
    """
    n_features = X.shape[1]
    if isinstance(given, str):
        return np.array([holds_categories(column_of(X, j)) for j in range(n_features)], bool)
    given = np.asarray(given)
    mask = np.zeros(n_features, bool)
    if given.size == 0:
        return mask
    if given.dtype.kind == "b" and given.shape == (n_features,):
        return given
    if given.dtype.kind in "iu" and given.min() >= 0 and given.max() < n_features:
        mask[given] = True
        return mask
    names = [str(name) for name in getattr(X, "columns", ())]
    if given.dtype.kind in "UO" and set(given.tolist()) <= set(names):
        mask[[names.index(name) for name in given.tolist()]] = True
        return mask
    raise ValueError(
        'categorical_features must be "from_dtype", None, a mask of one bool per column, indices of columns '
        f"from 0 to {n_features - 1}, or names of columns of X{', ' + str(names) if names else ''}; got "
        f"{given.tolist()!r}."
    )


def as_objects(X: Any, categorical_features: Any) -> tuple[NDArray, Any]:
    """Return X as a single array, and the value of `categorical_features` for that array.

    A table with categories becomes an array of objects: floats, texts of categories, and None for missing
    ones.
    """
    columns = find_columns(X, categorical_features)
    if columns is None:
        return np.asarray(X), categorical_features
    X = as_table(X, object)
    mask = np.zeros(X.shape[1], bool)
    mask[columns.one_hot + columns.embedded] = True
    objects = np.empty(X.shape, object)
    for j in range(X.shape[1]):
        if mask[j]:
            texts, rows = levels_of(X, j)
            objects[:, j] = np.array([None if text == MISSING else text for text in texts], object)[rows]
        else:
            objects[:, j] = numbers_of(X, j)
    return objects, mask


def holds_categories(column: Any) -> bool:
    """Return whether the dtype of a column, or its Python objects, make it one of categories."""
    dtype = str(column.dtype).lower()
    if dtype.startswith(("category", "categorical", "enum", "str", "large_string", "utf8")):
        return True
    if dtype != "object":
        return False
    return not all(isinstance(value, Real | np.bool_ | Decimal) or is_missing(value) for value in column)
