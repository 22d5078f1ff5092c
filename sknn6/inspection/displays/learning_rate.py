"""Plot a learning rate range test."""

import math
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from sknn6.annotations import Matrix
from sknn6.inspection.displays.panels import add_legend, panels
from sknn6.inspection.displays.theme import BLUE, GREY, VERMILLION
from sknn6.inspection.learning_rate import LearningRateRange, learning_rate_range_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningRateDisplay"]


class LearningRateDisplay:
    """Plot of the loss over the learning rates of a range test, with the rate that it suggests.

    Create it with `from_estimator`, or from the result of `learning_rate_range_test`.

    Parameters
    ----------
    found : LearningRateRange

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The losses, their running mean, and the suggested rate.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import LearningRateDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LearningRateDisplay.from_estimator(MLPClassifier(16, random_state=0), X, y)
    >>> bool(display.lines_[2].get_xdata()[0] == display.found.suggestion)
    True
    """

    def __init__(self, found: LearningRateRange) -> None:
        self.found = found

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, X: Matrix, y: ArrayLike, *, ax: "Axes | None" = None, **test: Any
    ) -> Self:
        """Run the range test and plot it.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        ax : matplotlib Axes, default=None
            Where to draw; None creates a new figure.
        **test
            Further parameters of `learning_rate_range_test`.

        Returns
        -------
        LearningRateDisplay
        """
        return cls(learning_rate_range_test(estimator, X, y, **test)).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the losses and the suggestion.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None creates a new figure.

        Returns
        -------
        self : LearningRateDisplay
        """
        found = self.found
        (self.ax_,) = panels(ax, 1, size=(5.4, 3.8))
        ax, self.figure_ = self.ax_, self.ax_.figure
        self.lines_ = ax.plot(found.rates, found.losses, ".", color=GREY, ms=3, alpha=0.6, label="a batch")
        self.lines_ += ax.plot(found.rates, found.smoothed, color=BLUE, label="running mean")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        # The limits follow the running mean, for single batches may have far larger losses.
        low, high = found.smoothed.min(), found.smoothed.max()
        ax.set_ylim(low - 0.25 * (high - low), high + 0.25 * (high - low))
        if not math.isnan(found.suggestion):
            ax.axvspan(*found.bounds, color=BLUE, alpha=0.08, lw=0, label="rates worth a search")
            suggested = f"suggestion, {found.suggestion:.2g}"
            self.lines_.append(ax.axvline(found.suggestion, color=VERMILLION, ls="--", label=suggested))
        add_legend(ax, [ax], loc="best")
        return self
