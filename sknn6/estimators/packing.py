"""What a pickled estimator holds besides its weights, in little room and without loss."""

import zlib
from itertools import groupby

import numpy as np

__all__ = ["expand", "pack", "squeeze", "unpack"]


def pack(records):
    """Turn runs of records with the same keys into (number, keys, columns); a constant column is one number.

    The first value of a record, the number of the epoch, is left out.
    """
    packed = []
    for keys, run in groupby(records, key=tuple):
        rows = [list(record.values())[1:] for record in run]
        columns = [
            column[0] if len(set(column)) == 1 else np.array(column) for column in zip(*rows, strict=True)
        ]
        packed.append((len(rows), keys, columns))
    return packed


def unpack(packed):
    """Turn the runs of `pack` into records again."""
    records = []
    for number, keys, columns in packed:
        columns = [np.broadcast_to(column, number).tolist() for column in columns]
        for row in zip(*columns, strict=True):
            records.append(dict(zip(keys, (len(records) + 1, *row), strict=True)))
    return records


def squeeze(state):
    """Compress the vectors of a dict, byte by byte of the numbers: their exponents are much alike."""
    return {
        name: (value.dtype.str, zlib.compress(planes(value).tobytes(), 1))
        if isinstance(value, np.ndarray)
        else value
        for name, value in state.items()
    }


def expand(state):
    """Undo `squeeze`."""
    return {name: vector(*value) if isinstance(value, tuple) else value for name, value in state.items()}


def planes(vector):
    """Give the first bytes of all numbers, then the second bytes, and so on."""
    return np.ascontiguousarray(vector).view(np.uint8).reshape(-1, vector.itemsize).T


def vector(dtype, compressed):
    """Make a vector of compressed planes."""
    dtype = np.dtype(dtype)
    raw = np.frombuffer(zlib.decompress(compressed), np.uint8)
    return np.ascontiguousarray(raw.reshape(dtype.itemsize, -1).T).view(dtype).ravel()
