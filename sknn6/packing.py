"""Compress the history and the optimizer's state of a pickled estimator, without loss."""

import zlib
from itertools import groupby
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["compress", "decompress", "pack", "unpack"]

# The number of records in a run, their keys, and a list of columns.
Packed = tuple[int, tuple[str, ...], list[Any]]


def pack(records: list[dict[str, Any]]) -> list[Packed]:
    """Convert each run of records with the same keys to (number, keys, columns).

    A constant column is stored as one number. Of the first column, which counts the epochs, only the first
    number is stored.
    """
    packed = []
    for keys, run in groupby(records, key=tuple):
        epochs, *columns = zip(*(record.values() for record in run), strict=True)
        stored = [column[0] if len(set(column)) == 1 else np.array(column) for column in columns]
        packed.append((len(epochs), keys, [epochs[0], *stored]))
    return packed


def unpack(packed: list[Packed]) -> list[dict[str, Any]]:
    """Undo `pack`; version 0.1 left out the column of epochs, which are then counted from 1."""
    records: list[dict[str, Any]] = []
    for number, keys, columns in packed:
        first, *columns = columns if len(columns) == len(keys) else [len(records) + 1, *columns]
        columns = [np.broadcast_to(column, number).tolist() for column in columns]
        epochs = range(first, first + number)
        records += [dict(zip(keys, row, strict=True)) for row in zip(epochs, *columns, strict=True)]
    return records


def compress(state: dict[str, Any]) -> dict[str, Any]:
    """Compress the vectors of a dict by byte planes, because the exponents of their numbers are similar."""
    return {
        name: (value.dtype.str, zlib.compress(planes(value).tobytes(), 1))
        if isinstance(value, np.ndarray)
        else value
        for name, value in state.items()
    }


def decompress(state: dict[str, Any]) -> dict[str, Any]:
    """Undo `compress`."""
    return {name: vector(*value) if isinstance(value, tuple) else value for name, value in state.items()}


def planes(vector: Array) -> Array:
    """Return the byte planes of a vector: the first bytes of all numbers, the second bytes, and so on."""
    return np.ascontiguousarray(vector).view(np.uint8).reshape(-1, vector.itemsize).T


def vector(dtype: str, compressed: bytes) -> Array:
    """Return the vector of compressed byte planes."""
    kind = np.dtype(dtype)
    raw = np.frombuffer(zlib.decompress(compressed), np.uint8)
    return np.ascontiguousarray(raw.reshape(kind.itemsize, -1).T).view(kind).ravel()
