"""Plot the weights of the first layer, as images or by the names of the features."""

import math
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sknn6.estimators.fitted import features_of_rows, network_of, squared_weights
from sknn6.inspection.displays.panels import label_features, panels
from sknn6.inspection.displays.theme import SEQUENTIAL, SIGNED
from sknn6.inspection.wrappers import perceptron_of
from sknn6.nn.annotations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FilterDisplay"]


class FilterDisplay:
    """The weights of the first layer: an image per hidden unit, or a column if the features have names.

    Create it with `from_estimator`.

    Parameters
    ----------
    filters : ndarray of shape (n_units, height, width)
    titles : list of str
    feature_names : list of str or None, default=None
        If given, the weights of all units are drawn as the columns of one image, whose rows are labelled.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one per filter, or one for all
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

    def __init__(self, filters: Array, titles: list[str], feature_names: list[str] | None = None) -> None:
        self.filters, self.titles, self.feature_names = filters, titles, feature_names

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

        In a Pipeline, they are the weights of the transformed features that the network receives. A feature
        with several weights in each unit, such as a category or a number with an embedding, is drawn with
        their Euclidean norm.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        image_shape : (int, int), default=None
            Height and width. None means a square, or one image of all units if the network was fitted on a
            data frame, or the number of features is no square.
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
        if not isinstance(n_filters, numbers.Integral) or n_filters < 1:
            raise ValueError(f"n_filters must be an int of at least 1, got {n_filters!r}.")
        names, side = None, math.isqrt(len(W))
        shape = image_shape or (side, side)
        if image_shape is None and (hasattr(mlp, "feature_names_in_") or side**2 != len(W)):
            names = getattr(mlp, "feature_names_in_", [f"x{i}" for i in range(len(W))])
            shape = len(W), 1
        if math.prod(shape) != len(W):
            raise ValueError(
                f"image_shape must be (height, width) with as many pixels as the {len(W)} features, got "
                f"{image_shape!r}."
            )
        units = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:n_filters]
        filters = W.T[units].reshape(-1, *shape)
        return cls(filters, [f"unit {unit}" for unit in units], names).plot(**how)

    def plot(self, *, ax: "Sequence[Axes] | Array | None" = None, n_cols: int = 8) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : array of matplotlib Axes, one per filter or one for all, default=None
            Where to draw; None creates a new figure.
        n_cols : int, default=8
            Number of filters per row, if each has Axes of its own.

        Returns
        -------
        self : FilterDisplay
        """
        most = float(np.abs(self.filters).max()) or 1.0
        colours, label = {"cmap": SIGNED, "vmin": -most, "vmax": most}, "weight"
        if self.filters.min() >= 0:
            colours, label = {"cmap": SEQUENTIAL, "vmin": 0.0, "vmax": most}, "norm of the weights"
        if self.feature_names is not None:
            return self._plot_by_name(self.feature_names, ax, colours, label)
        self.axes_ = panels(ax, len(self.filters), n_cols=n_cols, size=(1.0, 1.15), sharey=False)
        self.figure_ = self.axes_[0].figure
        for panel, image, title in zip(self.axes_, self.filters, self.titles, strict=True):
            drawn = panel.imshow(image, **colours)
            panel.set_title(title, fontsize="small", pad=3)
            panel.set(xticks=[], yticks=[])
        self.figure_.colorbar(drawn, ax=list(self.axes_), label=label, shrink=0.7, aspect=20)
        return self

    def _plot_by_name(
        self, names: Sequence[str], ax: "Sequence[Axes] | Array | None", colours: dict[str, Any], label: str
    ) -> Self:
        """Draw the weights of all units as one image with a labelled row for each feature."""
        W = self.filters.reshape(len(self.filters), -1).T
        size = (2.0 + 0.2 * W.shape[1], max(0.8 + 0.2 * W.shape[0], 2.4))  # room for the label of the bar
        self.axes_ = panels(ax, 1, size=size)
        self.figure_ = self.axes_[0].figure
        drawn = self.axes_[0].imshow(W, aspect="auto", **colours)
        label_features(self.axes_[0].yaxis, names)
        self.axes_[0].set_xticks(range(W.shape[1]), self.titles, rotation=90, fontsize="small")
        self.figure_.colorbar(drawn, ax=self.axes_[0], label=label)
        return self


def first_weights(mlp: Any, member: int) -> Array:
    """Return the weights of each feature in the first layer of one network, learned factors included.

    A feature has one row in the matrix, or several, of which the Euclidean norm is returned.
    """
    W = network_of(mlp, mlp.coefs_[0].dtype).dense()[0].weights()
    members = W.reshape(-1, *W.shape[-2:])
    if not isinstance(member, numbers.Integral) or member not in range(len(members)):
        raise ValueError(f"member must be an int from 0 to {len(members) - 1}, got {member!r}.")
    features = features_of_rows(mlp)
    if len(features) == mlp.n_features_in_:
        return members[member][np.argsort(features)]
    return np.sqrt(squared_weights(mlp)[member])
