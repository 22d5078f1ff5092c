"""Plot histograms of the outputs of each layer."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sknn6.annotations import Matrix
from sknn6.inspection.displays.panels import few_ticks, panels
from sknn6.inspection.displays.theme import BLUE
from sknn6.inspection.statistics import LayerStatistics, layer_statistics
from sknn6.nn.annotations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LayerStatisticsDisplay"]


class LayerStatisticsDisplay:
    """Histograms of the outputs of each layer, as in the lecture's slides on initial weights.

    Create it with `from_estimator`, or from the result of `layer_statistics`.

    Parameters
    ----------
    statistics : LayerStatistics

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one per layer
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import LayerStatisticsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LayerStatisticsDisplay.from_estimator(MLPClassifier(16, depth=3), X, y)
    >>> [ax.get_title(loc="left") for ax in display.axes_]
    ['hidden 1', 'hidden 2', 'hidden 3', 'output']
    """

    def __init__(self, statistics: LayerStatistics) -> None:
        self.statistics = statistics

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        **how: Any,
    ) -> Self:
        """Compute the statistics of a network, fitted or with initial weights, and plot its outputs.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like, default=None
            The targets, required if the network is not fitted.
        sample_weight : array-like of shape (n_samples,), default=None
        **how
            Parameters of `plot`.

        Returns
        -------
        LayerStatisticsDisplay
        """
        return cls(layer_statistics(estimator, X, y, sample_weight=sample_weight)).plot(**how)

    def plot(
        self,
        *,
        ax: "Sequence[Axes] | Array | None" = None,
        n_cols: int = 5,
        bins: int = 30,
        sharex: bool = True,
    ) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : array of matplotlib Axes, one per layer, default=None
            Where to draw; None creates a new figure.
        n_cols : int, default=5
            Number of panels per row.
        bins : int, default=30
            Number of bins per histogram.
        sharex : bool, default=True
            Whether the hidden layers have the same bins, so that it shows if the signal dies away or
            explodes from layer to layer. The output layer, which has another unit, has its own. With False
            each layer has its own, so that it shows how its outputs are distributed.

        Returns
        -------
        self : LayerStatisticsDisplay
        """
        found = self.statistics
        self.axes_ = panels(ax, len(found.names), n_cols=n_cols, size=(2.1, 2.0), sharey=False)
        self.figure_ = self.axes_[0].figure
        outputs = [layer[np.isfinite(layer)] for layer in found.outputs]
        ends = [end for layer in outputs[:-1] if layer.size for end in (layer.min(), layer.max())]
        hidden = (min(ends), max(ends)) if sharex and ends else None
        for i, (panel, name) in enumerate(zip(self.axes_, found.names, strict=True)):
            panel.hist(outputs[i], bins=bins, range=None if name == "output" else hidden, color=BLUE)
            panel.set_title(name, loc="left", fontsize="medium")
            panel.set(yticks=[], xlabel=caption(found, i))
            few_ticks(panel.xaxis)
            panel.spines[["left", "top", "right"]].set_visible(False)
        return self


def caption(found: LayerStatistics, i: int) -> str:
    """Return the caption of a panel: mean, standard deviation, shares of flat activations and dead units."""
    lines = [f"mean {found.mean[i]:.2g}, std {found.std[i]:.2g}"]
    if not math.isnan(found.dead[i]):
        lines.append(f"flat {found.saturated[i]:.0%}, dead {found.dead[i]:.0%}")
    return "\n".join(lines)
