"""Describe parameters and data by short texts, to compare them with those in a checkpoint."""

import hashlib
import math
import pickle
from numbers import Integral, Real
from typing import Any

import joblib
import numpy as np
from scipy.sparse import issparse

from sknn6.nn.annotations import Array
from sknn6.readers import as_frame, column_of, levels_of, values_of

__all__ = ["describe"]

# Values with a longer text are described by their hash.
LONGEST = 60

# Larger arrays are hashed in blocks of this many numbers.
BLOCK = 2**16

# float64 represents every integer up to this one exactly.
LARGEST_EXACT = 2**53


def describe(name: str, value: object) -> str:
    """Return a text that is the same for equal values: the value itself if it is short, else its hash.

    These do not matter: the type of numbers, the memory layout of arrays and data frames, the order of the
    entries of sparse matrices, and, up to 65536 numbers, whether they are in a list, a tuple, an array or a
    column. The columns of a data frame are compared with their names and dtypes, its index is not.

    Raises
    ------
    ValueError
        If a value cannot be hashed, such as a lambda.
    """
    try:
        common = canonical(value)
        text = repr(common) if is_literal(common) else None
        return f"#{joblib.hash(common)}" if text is None or len(text) > LONGEST else text
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"{name} must be picklable to go on from a checkpoint, got {value!r}.") from error


def is_literal(value: object) -> bool:
    """Return whether a canonical value is a number, a string, None or a list of these."""
    if isinstance(value, list):
        return all(map(is_literal, value))
    return value is None or isinstance(value, bool | int | float | str)


def canonical(value: Any) -> Any:
    """Return a canonical form, which is the same for all values that count as equal."""
    value = as_frame(value)
    if issparse(value):
        return ["sparse", list(value.shape), digest_sparse(value)]
    if hasattr(value, "dtypes") and hasattr(value, "columns"):
        return {"frame": [canonical_column(value, j) for j in range(value.shape[1])]}
    if hasattr(value, "to_numpy"):
        value = values_of(value)
    if isinstance(value, np.ndarray):
        large = value.size > BLOCK
        return ["array", list(value.shape), digest(value)] if large else canonical(value.tolist())
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        items = [[canonical(key), canonical(item)] for key, item in value.items()]
        return {"dict": sorted(items, key=lambda item: repr(item[0]))}
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Real):
        return number(value)
    return value.item() if isinstance(value, np.generic) else value


def canonical_column(frame: Any, j: int) -> list[Any]:
    """Return the canonical form of a column of a data frame: its name, its dtype and its values."""
    column = column_of(frame, j)
    return [canonical(frame.columns[j]), str(column.dtype), canonical_values(frame, j)]


def canonical_values(frame: Any, j: int) -> Any:
    """Return the canonical form of the values of a column.

    Numbers become a hash. Others become the texts that occur, and a hash of which one each row has, so that
    each text is looked at once.
    """
    values = values_of(column_of(frame, j))
    if values.dtype.kind in "biuf":
        return digest(values)
    try:
        texts, codes = levels_of(frame, j)
    except TypeError:  # a value without a text, such as a date
        return canonical(values)
    used, codes = np.unique(codes, return_inverse=True)
    texts = [texts[i] for i in used]
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return [[texts[i] for i in order], digest(np.argsort(order)[codes])]


def number(value: Any) -> int | float:
    """Return a whole number as an int, any other number as a float."""
    if isinstance(value, Integral) or (math.isfinite(value) and value == int(value)):
        return int(value)
    return float(value)


def digest(array: Array) -> str:
    """Return the hash of an array, computed in blocks of rows so that it is never copied as a whole."""
    hashed = hashlib.sha256()
    step = max(1, BLOCK * len(array) // max(1, array.size))
    for start in range(0, len(array), step):
        hashed.update(content(array[start : start + step]))
    return hashed.hexdigest()


def digest_sparse(X: Any) -> list[str]:
    """Return the hash of a sparse matrix, with its entries sorted, duplicates summed and zeros removed."""
    X, hashes = X.tocsr(), [hashlib.sha256() for _ in range(3)]
    step = max(1, BLOCK * X.shape[0] // max(1, X.nnz))
    for start in range(0, X.shape[0], step):
        part = X[start : start + step]
        part.sum_duplicates()
        part.eliminate_zeros()
        for hashed, values in zip(hashes, (np.diff(part.indptr), part.indices, part.data), strict=True):
            hashed.update(content(values))
    return [hashed.hexdigest() for hashed in hashes]


def content(array: Array) -> bytes:
    """Return bytes that are the same for arrays of equal values, row by row."""
    if array.dtype.kind not in "biuf":
        common = canonical(array.tolist())
        return (repr(common) if is_literal(common) else joblib.hash(common)).encode()
    exact = array.dtype.kind in "bf" or not np.any((array > LARGEST_EXACT) | (array < -LARGEST_EXACT))
    return np.ascontiguousarray(array, np.float64 if exact else array.dtype).tobytes()
