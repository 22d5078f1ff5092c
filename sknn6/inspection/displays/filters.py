"""Plot the weights of the first layer as images."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sknn6.estimators.fitted import architecture_of
from sknn6.inspection.displays.panels import panels
from sknn6.inspection.displays.theme import DIVERGING
from sknn6.inspection.probe import perceptron_of
from sknn6.nn.dense import SCALE_SPEED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FilterDisplay"]


class FilterDisplay:
    """Images of the weights of the first layer, one per hidden unit.

    Create it with `from_estimator`.

    Parameters
    ----------
    filters : ndarray of shape (n_units, height, width)
    titles : list of str

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one per filter
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import FilterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = FilterDisplay.from_estimator(MLPClassifier(16, random_state=0).fit(X, y), n_filters=6)
    >>> display.filters.shape
    (6, 8, 8)
    """

    def __init__(self, filters: NDArray, titles: list[str]):
        self.filters, self.titles = filters, titles

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        image_shape: tuple[int, int] | None = None,
        n_filters: int = 24,
        member: int = 0,
        **how: Any,
    ) -> Self:
        """Plot the filters of a fitted estimator that have the largest norms.

        In a Pipeline, they are the weights of the transformed features that the network receives.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        image_shape : (int, int), default=None
            Height and width; None means a square.
        n_filters : int, default=24
            Number of units to draw; all are drawn if there are fewer.
        member : int, default=0
            Which member of an ensemble.
        **how
            Parameters of `plot`.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        TypeError
            If there is no multi-layer perceptron in the estimator, or there are several.
        ValueError
            If the number of features does not match the shape, or there is no such member.
        """
        mlp = perceptron_of(estimator)
        check_is_fitted(mlp)
        W = first_weights(mlp, member)
        shape = image_shape or (math.isqrt(len(W)),) * 2
        if math.prod(shape) != len(W):
            raise ValueError(
                f"image_shape must be (height, width) with as many pixels as the {len(W)} features, got "
                f"{image_shape!r}."
            )
        units = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:n_filters]
        filters = W.T[units].reshape(-1, *shape)
        return cls(filters, [f"unit {unit}" for unit in units]).plot(**how)

    def plot(self, *, ax: "Sequence[Axes] | NDArray | None" = None, n_cols: int = 8) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : array of matplotlib Axes, one per filter, default=None
            Where to draw; None creates a new figure.
        n_cols : int, default=8
            Number of filters per row.

        Returns
        -------
        self : FilterDisplay
        """
        self.axes_ = panels(ax, len(self.filters), n_cols=n_cols, size=(1.0, 1.15), sharey=False)
        self.figure_ = self.axes_[0].figure
        most = float(np.abs(self.filters).max()) or 1.0
        for panel, image, title in zip(self.axes_, self.filters, self.titles, strict=True):
            drawn = panel.imshow(image, cmap=DIVERGING, vmin=-most, vmax=most)
            panel.set_title(title, fontsize="small", pad=3)
            panel.set(xticks=[], yticks=[])
        self.figure_.colorbar(drawn, ax=list(self.axes_), label="weight", shrink=0.7, aspect=20)
        return self


def first_weights(mlp, member):
    """Return the weights of the first layer of one of the networks, with the learned factors of its input."""
    if architecture_of(mlp).pieces is not None:
        raise ValueError(
            "FilterDisplay needs a network whose first layer has one row of weights a feature, got one with "
            "an embedding of the features. Fit it with numeric_embedding=None."
        )
    W = mlp.coefs_[0]
    u = mlp.layer_state_.get("dense_0.u", np.full(W.shape[-2], 1 / SCALE_SPEED))
    W = SCALE_SPEED * u.reshape(*W.shape[:-1], 1) * W
    members = W.reshape(-1, *W.shape[-2:])
    if member not in range(len(members)):
        raise ValueError(f"member must be an int from 0 to {len(members) - 1}, got {member!r}.")
    return members[member]
