"""Parts of a vector, as matrices and vectors in the same memory."""

from sknn6.nn.annotations import Array
from sknn6.nn.interpreter.decorators import compiled

__all__ = ["block", "part_of"]


@compiled
def block(vector: Array, start: int, rows: int, columns: int) -> Array:
    """View a part of a vector as a matrix."""
    return vector[start : start + rows * columns].reshape((rows, columns))


@compiled
def part_of(vector: Array, start: int, size: int) -> Array:
    """View a part of a vector."""
    return vector[start : start + size]
