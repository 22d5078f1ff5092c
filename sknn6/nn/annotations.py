"""Short names for the types of arrays in the engine; comments and docstrings give their shapes."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from scipy.sparse import sparray, spmatrix

__all__ = ["Array", "LossFunction", "Rows", "Shape"]

Array = NDArray[Any]

# Samples as the first layer takes them: a dense array or a CSR matrix.
Rows = Array | sparray | spmatrix

Shape = tuple[int, ...]

# f(Z, y, weight) -> (loss, dZ)
LossFunction = Callable[..., tuple[float, Array]]
