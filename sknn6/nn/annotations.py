"""Short names for the arrays that the engine computes with; comments and docstrings say their shapes."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from scipy.sparse import sparray, spmatrix

__all__ = ["Array", "LossFunction", "Rows", "Shape"]

Array = NDArray[Any]

# Samples as the first layer takes them, dense or CSR.
Rows = Array | sparray | spmatrix

Shape = tuple[int, ...]

# f(Z, y, weight) -> (loss, dZ)
LossFunction = Callable[..., tuple[float, Array]]
