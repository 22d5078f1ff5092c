"""The function that Python calls, whose code Numba keeps on disk as long as no source file changes."""

import zlib
from pathlib import Path
from typing import Any

from sknn6.nn.interpreter.decorators import cached_on_disk
from sknn6.nn.interpreter.descent import train_on
from sknn6.nn.interpreter.tuples import Member, Slice

__all__ = ["hash_of", "train"]


def hash_of(folder: Path) -> int:
    """Return a hash of the Python files in a folder and in those below it."""
    return zlib.crc32(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py"))))


def cached(sources: int) -> Any:
    """Return `train_on`, compiled, with the given hash of the source files of all that it calls.

    Numba compiles anew when this file changes, but not when another module changes whose functions are called
    here, as in an update of the package. So the function refers to `sources`, a hash of all modules of
    `sknn6.nn`: Numba makes the values of such variables part of the key under which it stores the code.
    """

    @cached_on_disk
    def train(member: Member, batches: Slice, t: int, with_rare: int | None) -> float:
        _ = sources
        return train_on(member, batches, t, with_rare)

    return train


train = cached(hash_of(Path(__file__).parents[1]))
