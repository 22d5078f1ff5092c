"""Encode tables, that is frames or arrays with columns of numbers and of categories, as arrays of numbers.

A column has numbers or categories. A missing number is replaced by the mean of the others, and a column with
missing numbers in `fit` gets an additional column of indicators, 0 or 1. A category becomes its code. Code 0
means a category that was rare in `fit` or did not occur there. Missing values in a column of categories are a
category like any other.

A category is identified by its text, and a whole number by its digits: 3, 3.0 and "3" are the same category,
because the same file may be read with other dtypes the next day.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse

from sknn6._sklearn_compat import check_nonzero_weight
from sknn6.nn.annotations import Array
from sknn6.readers import (
    MISSING,
    as_table,
    column_of,
    has_missing,
    holds_categories,
    is_category,
    is_number,
    is_table,
    levels_of,
    name_of,
    numbers_of,
)
from sknn6.warn import warn_user

__all__ = [
    "Columns",
    "NewMissingValuesError",
    "as_objects",
    "find_columns",
    "refuse_categories",
    "refuse_gaps",
]

# Categories with fewer rows than this have code 0.
FEWEST_ROWS = 3

# Columns with more categories than this get learned vectors.
MOST_ONE_HOT = 32

# A column of strings probably holds numbers, with placeholders such as "?" for missing ones, if at most this
# many of its different strings are not the text of a number.
MOST_PLACEHOLDERS = 3

# The text of a number. Codes, such as "007" or "3_14", are not matched.
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

# With fewer rows, `fit` does not warn of too many different categories.
FEWEST_TO_WARN = 20


class NewMissingValuesError(ValueError):
    """X has missing values, but the X of `fit` had none."""


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
    if len(getattr(X, "shape", ())) != 2:
        return None  # scikit-learn refuses it
    weight = None if sample_weight is None else check_nonzero_weight(sample_weight, X)
    columns = Columns.learn(X, find_categorical(X, categorical_features), weight, by_dtype)
    if columns.numbers != list(range(X.shape[1])) or columns.gaps:
        return columns
    # X may have gaps that `learn` does not count: in columns without any number, and in rows of weight 0.
    # They need the `columns` too, unless X has no number at all, which scikit-learn is to refuse.
    has_gaps = bool(columns_with_gaps(X, columns.numbers))
    return columns if has_gaps and any(np.isfinite(numbers_of(X, j)).any() for j in columns.numbers) else None


def columns_with_gaps(X: Any, numbers: list[int]) -> list[str]:
    """Return the names of those of the columns of numbers that have missing values."""
    return [name_of(X, j) for j in numbers if has_missing(numbers_of(X, j))]


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
    empty : list of int
        Columns of numbers in which every value has been missing so far. Nothing was learned about them, so a
        value in a prediction is treated as missing.
    one_hot, embedded : list of int
        The columns of few and of many categories.
    categories : list of list of str
        For each column of categories, the texts of the categories with the codes 1, 2, and so on.
    """

    numbers: list[int] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    one_hot: list[int] = field(default_factory=list)
    embedded: list[int] = field(default_factory=list)
    categories: list[list[str]] = field(default_factory=list)

    @classmethod
    def filling(cls, means: Array) -> Self:
        """Return the columns of a table of numbers in which missing ones are replaced by these means."""
        return cls(numbers=[*range(len(means))], fills=means.tolist())

    @classmethod
    def learn(cls, X: Any, categorical: Array, weight: Array | None = None, by_dtype: bool = False) -> Self:
        """Learn what the columns of a table are.

        Parameters
        ----------
        X : data frame or ndarray
        categorical : ndarray of bool of shape (n_features,)
            Which columns hold categories.
        weight : ndarray of shape (n_samples,) or None
            Rows of weight 0 are not looked at.
        by_dtype : bool
            Whether `categorical` follows from the dtypes, and the user has not named the columns.
        """
        seen = slice(None) if weight is None else weight > 0
        weight = None if weight is None else weight[seen]
        columns, found = cls(), {}
        for j in range(X.shape[1]):
            if categorical[j]:
                texts, rows = levels_of(X, j)
                counts = count_texts(texts, rows[seen])
                found[j] = sorted(text for text, count in counts.items() if count >= FEWEST_ROWS)
                warn_of_texts(X, j, counts, by_dtype)
                few = len(found[j]) <= MOST_ONE_HOT
                (columns.one_hot if few else columns.embedded).append(j)
                continue
            x = numbers_of(X, j)[seen]
            known = np.isfinite(x)
            columns.numbers.append(j)
            columns.fills.append(mean_of(x[known], None if weight is None else weight[known]))
            if not known.all():
                (columns.gaps if known.any() else columns.empty).append(j)
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

    def encode(self, X: Any) -> Array:
        """Return the encoded table, an ndarray of shape (n_samples, n_encoded).

        It is float32 if float32 can represent the dtype of each column of numbers, otherwise float64.

        Raises
        ------
        ValueError
            If a column of numbers has something else, or an infinite number.
        """
        read = [self._numbers_of(X, j) for j in self.numbers]
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

    def _numbers_of(self, X: Any, j: int) -> Array:
        """Return a column as floats; all are missing in a column that was empty in `fit`."""
        return np.full(X.shape[0], np.nan, np.float32) if j in self.empty else numbers_of(X, j)

    def going_on(self, X: Any) -> Self:
        """Return the columns for a training that continues with X, which may have numbers in empty ones.

        Warns
        -----
        UserWarning
            If a column that was empty has strings or categories now, which are left out.
        """
        holding = [j for j in self.empty if holds_categories(column_of(X, j))]
        for j in holding:
            warn_user(
                f"{name_of(X, j)} of X had no value when the training began, so it counts as one of numbers, "
                "and the strings that it has now are left out. Begin with rows in which it has values, or "
                "name it in categorical_features."
            )
        numeric = [j for j in self.empty if j not in holding and np.isfinite(numbers_of(X, j)).any()]
        return replace(self, empty=[j for j in self.empty if j not in numeric])


def mean_of(x: Array, weight: Array | None) -> float:
    """Return the weighted mean of numbers, 0 if there is none; the sum of large ones does not overflow."""
    if not len(x):
        return 0.0
    share = np.full(len(x), 1 / len(x)) if weight is None else weight / weight.sum()
    return float(np.sum(x * share))


def refuse_categories(estimator: Any, X: Any) -> None:
    """Raise ValueError, with the names of the columns, if a table has columns that are not numbers."""
    names = getattr(X, "columns", None)
    X = as_table(X, object)
    if issparse(X) or len(getattr(X, "shape", ())) != 2:
        return
    wrong = [j if names is None else str(names[j]) for j in range(X.shape[1]) if has_strings(X, j)]
    if wrong:
        raise ValueError(
            f"{type(estimator).__name__} needs numbers, got strings or categories in the columns {wrong} of "
            "X. MLPClassifier and MLPRegressor take them in data frames and in arrays of objects with "
            'categorical_features="from_dtype", and in the columns that categorical_features names; before a '
            "transformer, choose the columns of numbers with a ColumnTransformer."
        )


def has_strings(X: Any, j: int) -> bool:
    """Return whether a column of a table has strings or categories that are not the text of numbers."""
    column = column_of(X, j)
    if isinstance(X, np.ndarray):
        return any(isinstance(value, str) and not is_number(value) for value in column)
    return holds_categories(column) and not all(map(is_number, column))


def refuse_gaps(estimator: Any, X: Any, first: bool) -> None:
    """Raise ValueError with the columns of X that have missing values.

    It is a NewMissingValuesError if the estimator takes missing values, but had none in the first call of
    fit. With categorical_features=None the error is left to scikit-learn.
    """
    X = as_table(X)
    takes = getattr(estimator, "categorical_features", ())
    if takes is None or issparse(X) or len(getattr(X, "shape", ())) != 2:
        return
    gaps = columns_with_gaps(X, list(range(X.shape[1])))
    if not gaps:
        return
    more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
    found = f"Input X contains NaN ({', '.join(gaps[:5])}{more})"
    fill = "fill the gaps before, as SimpleImputer does."
    if not len(takes):
        raise ValueError(f"{found}, which {type(estimator).__name__} does not take: {fill}")
    if first:
        raise ValueError(f"{found}, and no number in any column: {fill}")
    raise NewMissingValuesError(
        f"{found}, but that of fit had no missing values, and the network has stored no means of the "
        f"columns. Fit again with input_scaling=True or on rows with gaps, or {fill}"
    )


def count_texts(texts: list[str], rows: Array) -> Counter[str]:
    """Return how many rows have each text; `texts` and `rows` come from `levels_of`."""
    counts: Counter[str] = Counter()
    for text, count in zip(texts, np.bincount(rows % len(texts), minlength=len(texts)), strict=True):
        if count:
            counts[text] += int(count)
    return counts


def warn_of_texts(X: Any, j: int, counts: Counter[str], by_dtype: bool) -> None:
    """Warn if the strings of a column are probably numbers, or differ in most rows."""
    counts = Counter({text: count for text, count in counts.items() if text != MISSING})
    name, n_rows = name_of(X, j), counts.total()
    if by_dtype and not is_category(column_of(X, j)):
        others = list(islice((text for text in counts if not NUMBER.fullmatch(text)), MOST_PLACEHOLDERS + 1))
        n_numbers = len(counts) - len(others)
        counted = len(others) <= MOST_PLACEHOLDERS and n_numbers > MOST_ONE_HOT
        if counted and (others or not all(map(str.isdigit, counts))):
            but = f" (not: {others})" if others else ""
            warn_user(
                f"{name} of X has strings, but {n_numbers} of its {len(counts)} different ones are the text "
                f"of a number{but}. fit treats them as categories. If they are numbers, convert the column "
                'with pandas.to_numeric(column, errors="coerce"); if they are categories, give it a category '
                "dtype."
            )
            return
    rare = sum(count for count in counts.values() if count < FEWEST_ROWS)
    if 2 * rare > n_rows >= FEWEST_TO_WARN:
        warn_user(
            f"{name} of X has {len(counts)} different categories in {n_rows} rows. {rare} of the rows have "
            f"a category that occurs in fewer than {FEWEST_ROWS} rows. All these categories are treated as "
            "one, so the network learns little from the column. Leave it out, or convert it to numbers or to "
            "fewer categories."
        )


def codes_of(texts: list[str], rows: Array, categories: list[str]) -> Array:
    """Return the code of each row, 0 where its text is not among the categories."""
    code = {category: i for i, category in enumerate(categories, 1)}
    return np.array([code.get(text, 0) for text in texts], np.intp)[rows]


def find_categorical(X: Any, given: Any) -> Array:
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
        mask = np.array([holds_categories(column_of(X, j)) for j in range(n_features)], bool)
        if isinstance(X, np.ndarray):  # in arrays, the text of a number is a number, as in scikit-learn
            mask[mask] = [not all(map(is_number, X[:, j])) for j in np.flatnonzero(mask)]
        return mask
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
    if given.dtype.kind in "UO" and all(name in names for name in given.tolist()):
        mask[[names.index(name) for name in given.tolist()]] = True
        return mask
    raise ValueError(
        'categorical_features must be "from_dtype", None, a mask of one bool per column, indices of columns '
        f"from 0 to {n_features - 1}, or names of columns of X{', ' + str(names) if names else ''}; got "
        f"{given.tolist()!r}."
    )


def as_objects(X: Any, categorical_features: Any) -> tuple[Array, Any]:
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
