"""Eigenvalues and eigenvectors of a covariance matrix, and estimates of its shrinkage."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["EPS", "OF_ROWS", "SHRINKAGES", "Spectrum", "eigen_of_covariance", "eigen_of_rows"]

EPS = np.finfo(np.float64).eps


class Spectrum(NamedTuple):
    """Eigenvalues, descending and 0 below rounding error, eigenvectors, and intensity of the shrinkage."""

    values: Array
    vectors: Array
    shrinkage: float


def eigen_of_rows(rows: Array, mean: Array, n: float) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of rowsᵀ rows / n from the singular values of the rows.

    The product would lose half of the digits of small eigenvalues.
    """
    size = max(rows.shape)
    # The rows carry the rounding errors of the subtraction of the mean; constant features are exactly 0.
    rounding = np.sqrt(n) * np.linalg.norm(mean[rows.any(axis=0)])
    # R of a QR decomposition has the same singular values, and is smaller.
    R: Any = np.linalg.qr(rows, mode="r") if len(rows) > rows.shape[1] else rows
    _, singular, Vt = np.linalg.svd(R, full_matrices=False)
    singular[singular <= EPS * (size * singular[0] + 10 * rounding)] = 0
    return np.pad(singular**2 / n, (0, len(mean) - len(singular))), Vt.T


def eigen_of_covariance(covariance: Array) -> tuple[Array, Array]:
    """Return eigenvalues, descending, and eigenvectors; eigenvalues below rounding error become 0.

    Only the lower triangle of the covariance is used.
    """
    values, U = np.linalg.eigh(covariance)
    values[values <= len(values) * EPS * values[-1]] = 0
    return values[::-1], U[:, ::-1]


def ledoit_wolf(values: Array, n: float, quartic: float) -> float:
    """Return the numerator of the shrinkage of Ledoit and Wolf."""
    return (quartic / n - (values**2).sum()) / n


def oas(values: Array, n: float, quartic: float) -> float:
    """Return the numerator of the oracle-approximating shrinkage."""
    return ((values**2).sum() + values.sum() ** 2) / (n + 1)


class Shrinkage(NamedTuple):
    """An estimate of the shrinkage: its numerator, and whether that needs the fourth moments of all rows.

    `numerator(values, n, quartic)` is divided by Σ(λ − μ)²; quartic is Σ w ‖x − m‖⁴, or NaN if not needed.
    """

    numerator: Callable[[Array, float, float], float]
    needs_rows: bool


SHRINKAGES = {
    "ledoit_wolf": Shrinkage(ledoit_wolf, needs_rows=True),
    "oas": Shrinkage(oas, needs_rows=False),
}
OF_ROWS = tuple(name for name, shrinkage in SHRINKAGES.items() if shrinkage.needs_rows)
