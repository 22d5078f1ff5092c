"""Kernels: element-wise functions that exist for NumPy and compiled by Numba, and the choice between the two.

`kernel` marks a NumPy function for which `sknn6.nn.compiled` has a function of the same name and arguments.
If Numba is installed (``pip install "sknn6[fast]"``), the compiled functions are loaded with the first
network that is to be trained. ``SKNN6_KERNELS=numpy`` in the environment selects those of NumPy.
"""

import os
import warnings
from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

__all__ = ["are_compiled", "do_without_numba", "kernel", "load", "use"]

NUMPY: dict[str, Callable[..., Any]] = {}
CHOSEN: dict[str, Callable[..., Any]] = {}

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Make a NumPy function replaceable by the compiled function of the same name."""
    name = function.__name__
    NUMPY[name] = CHOSEN[name] = function

    @wraps(function)
    def run(*args: Any) -> Any:
        compute = CHOSEN[name]  # another thread may change it
        try:
            return compute(*args)
        except Exception as error:
            if compute is function:
                raise
            do_without_numba(error)
            return function(*args)

    return cast(Function, run)


def do_without_numba(error: Exception) -> None:
    """Choose NumPy's functions, and warn that the compiled code could not be made, loaded or cached.

    Numba loads or compiles a function at its first call, before anything is computed. For a full disk or a
    damaged file it may raise any exception.
    """
    use("numpy")
    warnings.warn(
        f"Numba's compiled code cannot be used ({type(error).__name__}: {error}); NumPy computes the same, "
        "more slowly. Make room on the disk, or remove the files *.nbi and *.nbc of Numba's cache; "
        "SKNN6_KERNELS=numpy in the environment selects NumPy without a warning.",
        RuntimeWarning,
        stacklevel=3,
    )


def use(library: str) -> None:
    """Choose "numpy" or "numba" for the whole process; raise ImportError if Numba is not installed.

    Examples
    --------
    >>> from sknn6.nn import kernels
    >>> kernels.use("fortran")
    Traceback (most recent call last):
    ...
    ValueError: The library of the kernels must be 'numpy' or 'numba', got 'fortran'.
    """
    if library not in ("numpy", "numba"):
        raise ValueError(f"The library of the kernels must be 'numpy' or 'numba', got {library!r}.")
    if library == "numpy":
        CHOSEN.update(NUMPY)
    else:
        compiled = import_module("sknn6.nn.compiled")
        CHOSEN.update({name: getattr(compiled, name) for name in NUMPY})


def are_compiled() -> bool:
    """Return whether the compiled functions are chosen."""
    return CHOSEN != NUMPY


@cache
def load() -> None:
    """Choose the library that the environment names, or else Numba if it can be used; once per process."""
    library = os.environ.get("SKNN6_KERNELS")
    if library is not None:
        use(library)
    elif find_spec("numba"):
        try:
            use("numba")
        except (ImportError, RuntimeError):  # it does not support this NumPy, or has no folder for its cache
            use("numpy")
