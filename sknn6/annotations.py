"""Short names for the types of public parameters; the docstrings describe them in full."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix

__all__ = ["Auto", "Matrix", "Scoring", "Seed"]

Auto = Literal["auto"]
Matrix = ArrayLike | spmatrix | sparray
Scoring = str | Callable[..., Any] | None
Seed = int | np.random.RandomState | None
