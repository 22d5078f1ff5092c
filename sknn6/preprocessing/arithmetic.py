"""Centre, scale and clip arrays without overflow, and undo it."""

import numpy as np
from numpy.typing import DTypeLike

from sknn6.nn.annotations import Array, Rows

__all__ = ["divide", "entries", "multiply", "saturate", "stretch", "subtrahend"]

# With a centre of more than this many times the scale, rounding it to float32 would cost two digits.
FAR = 32


def divide(X: Array, center: Array, scale: Array, out: Array) -> None:
    """Write (X - center) / scale to out; results beyond the range of its dtype become its largest number."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            np.subtract(X, subtrahend(center, scale, X.dtype), out=out, casting="same_kind")
            out /= scale.astype(X.dtype, copy=False)
    except FloatingPointError:
        unit = safe_unit(scale)
        with np.errstate(over="ignore"):
            out[...] = saturate((X.astype(np.float64) * unit - center * unit) / (scale * unit), X.dtype)


def subtrahend(center: Array, scale: Array, dtype: DTypeLike) -> Array:
    """Return the centre in a dtype or, if rounding it would be large beside the scale, as it is."""
    with np.errstate(over="ignore"):
        exact = np.any(np.abs(center) > FAR * scale)
    return center if exact else center.astype(dtype, copy=False)


def multiply(Z: Array, center: Array, scale: Array) -> None:
    """Set Z to Z scale + center; results beyond the range of its dtype become its largest number."""
    try:
        with np.errstate(over="raise"):
            Z[...] = (Z * scale + center).astype(Z.dtype)
    except FloatingPointError:
        unit = safe_unit(scale)
        with np.errstate(over="ignore"):
            Z[...] = saturate((Z.astype(np.float64) * (scale * unit) + center * unit) / unit, Z.dtype)


def entries(X: Rows) -> Array:
    """Return the stored numbers of a sparse X, or a dense X itself."""
    return X if isinstance(X, np.ndarray) else X.data


def safe_unit(scale: Array) -> Array:
    """Return the factor by which X, centre and scale are multiplied: 1/2 for scales above 1, else 1.

    With it, X - centre does not overflow where (X - centre) / scale does not, nor does Z scale where
    Z scale + centre does not.
    """
    return np.where(scale > 1, 0.5, 1.0)


def saturate(Z: Array, dtype: DTypeLike) -> Array:
    """Return Z in a narrower dtype; numbers beyond its range become its largest number."""
    most = np.finfo(dtype).max
    return np.clip(Z, -most, most).astype(dtype)


def stretch(Z: Array, c: float) -> None:
    """Undo `bend`, in place. |Z| ≥ c has no original and is taken as the largest number below c."""
    Z /= c
    below = 1 - np.finfo(Z.dtype).epsneg
    np.clip(Z, -below, below, out=Z)
    Z *= c / np.sqrt((1 - Z) * (1 + Z))
