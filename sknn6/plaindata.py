"""Read and write files of plain data (arrays, numbers and text), which cannot run code when they are read.

A file is a zip archive like NumPy's npz. The member "tree.json" has the tree of dicts, lists and tuples, each
member "<number>.npy" one of its arrays. The comment at the end of the archive is a checksum of all before it.
"""

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["is_pickle", "read", "write"]

# The kinds of dtypes that are allowed, none with Python objects: bool, integers, floats, complex, bytes,
# text, times.
ALLOWED_KINDS = set("biufcSUmM")

# The types that JSON can represent; Python's JSON includes nan and inf.
JSON_TYPES = (type(None), bool, int, float, str)

CHECKSUM_SIZE, BLOCK = 32, 2**20


def write(file: BinaryIO, tree: Any, name: str = "tree") -> None:
    """Write a tree of plain data.

    Parameters
    ----------
    file : file object
        New, open for writing and reading in binary mode.
    tree : dict, list, tuple, str, int, float, bool, None, ndarray or scalar of NumPy
        The elements, and the keys of dicts, are such trees too. Arrays are not copied.
    name : str
        Name of the tree in error messages.

    Raises
    ------
    TypeError
        If the tree contains anything else; nothing is written then.
    """
    arrays: list[Array] = []
    text = json.dumps(encode(tree, name, arrays))
    with ZipFile(file, "w") as archive:
        archive.writestr("tree.json", text)
        for i, array in enumerate(arrays):
            with archive.open(f"{i}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.comment = bytes(CHECKSUM_SIZE)
    digest = checksum(file)
    file.seek(-CHECKSUM_SIZE, os.SEEK_END)
    file.write(digest)


def read(file: BinaryIO) -> Any:
    """Return the tree that was written to a file, open for reading in binary mode.

    Raises
    ------
    ValueError
        If the checksum shows that the file was changed.
    """
    digest = checksum(file)
    if file.read() != digest:
        raise ValueError("its checksum is not that of its content")
    with ZipFile(file) as archive:
        return decode(json.loads(archive.read("tree.json")), archive)


def is_pickle(file: BinaryIO) -> bool:
    """Return whether a file begins like a pickle; it is not loaded."""
    file.seek(0)
    return file.read(1) == b"\x80"


def checksum(file: BinaryIO) -> bytes:
    """Return the checksum of a file without its last bytes, which hold the checksum; stop before them."""
    digest = hashlib.sha256()
    left = file.seek(0, os.SEEK_END) - CHECKSUM_SIZE
    file.seek(0)
    while left > 0:
        block = file.read(min(left, BLOCK))
        digest.update(block)
        left -= len(block)
    return digest.digest()


def encode(value: Any, name: str, arrays: list[Array]) -> Any:
    """Return a value as JSON can represent it; arrays are appended to a list and replaced by numbers.

    A type that JSON does not have becomes a dict of one entry, from the name of the type to the content.
    """
    kind = type(value)
    dtype: Any = getattr(value, "dtype", None)
    if kind in JSON_TYPES:
        return value
    if kind in (list, tuple):
        items = [encode(item, f"{name}[{i}]", arrays) for i, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is dict:
        return {
            "dict": [
                [encode(key, f"a key of {name}", arrays), encode(item, f"{name}[{key!r}]", arrays)]
                for key, item in value.items()
            ]
        }
    if kind is np.ndarray and dtype.kind in ALLOWED_KINDS:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic) and dtype.kind in ALLOWED_KINDS:
        return {"scalar": [dtype.str, value.tobytes().hex()]}
    of_dtype = "" if dtype is None else f" of dtype {dtype}"
    raise TypeError(
        f"{name} must be plain data, which is dict, list, tuple, str, int, float, bool, None, and NumPy's "
        f"arrays and scalars of numbers, text or times; got {kind.__module__}.{kind.__qualname__}{of_dtype}."
    )


def decode(coded: Any, archive: ZipFile) -> Any:
    """Undo `encode`, with the arrays in an archive."""
    if isinstance(coded, list):
        return [decode(item, archive) for item in coded]
    if not isinstance(coded, dict):
        return coded
    ((kind, content),) = coded.items()
    return DECODERS[kind](content, archive)


def decode_dict(content: list[Any], archive: ZipFile) -> dict[Any, Any]:
    """Return the dict with the given pairs."""
    return {decode(key, archive): decode(item, archive) for key, item in content}


def decode_array(number: int, archive: ZipFile) -> Array:
    """Read an array."""
    with archive.open(f"{int(number)}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def decode_scalar(content: list[str], archive: ZipFile) -> Any:
    """Return the scalar with the given dtype and bytes."""
    dtype, data = np.dtype(content[0]), bytes.fromhex(content[1])
    if dtype.kind not in ALLOWED_KINDS:
        raise ValueError(f"a scalar has the dtype {dtype}")
    return np.ndarray((), dtype, data)[()]


DECODERS: dict[str, Callable[[Any, ZipFile], Any]] = {
    "tuple": lambda content, archive: tuple(decode(content, archive)),
    "dict": decode_dict,
    "array": decode_array,
    "scalar": decode_scalar,
}
