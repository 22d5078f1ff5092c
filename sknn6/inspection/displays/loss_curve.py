"""Plot the loss over the epochs of a training."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sknn6.inspection.displays.panels import add_legend, panels
from sknn6.inspection.displays.theme import CYCLE
from sknn6.inspection.wrappers import perceptron_of
from sknn6.nn.annotations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LossCurveDisplay"]


class LossCurveDisplay:
    """Plot of the training loss and the validation loss over the epochs.

    Create it with `from_estimator`.

    Parameters
    ----------
    history : list of dict
        One record per epoch, as in `history_`.
    name : str, default="training"
        Label of the training in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The training loss, and the validation loss if there is one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = LossCurveDisplay.from_estimator(MLPClassifier(16, random_state=0).fit(X, y))
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('epoch', 'loss')
    """

    def __init__(self, history: list[dict[str, Any]], *, name: str = "training") -> None:
        self.history, self.name = history, name

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, name: str | None = None, **how: Any) -> Self:
        """Plot the training of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        name : str, default=None
            Label in the legend; None is the name of the network's class.
        **how
            Parameters of `plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        TypeError
            If there is no multi-layer perceptron in the estimator, or there are several.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        mlp = perceptron_of(estimator)
        check_is_fitted(mlp)
        return cls(mlp.history_, name=name or type(mlp).__name__).plot(**how)

    def plot(self, *, ax: "Axes | None" = None, log: bool = False) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, so that several trainings can share axes; None creates a new figure.
        log : bool, default=False
            Whether the loss axis has a log scale.

        Returns
        -------
        self : LossCurveDisplay
        """
        (self.ax_,) = panels(ax, 1, size=(5.4, 3.8))
        ax, self.figure_ = self.ax_, self.ax_.figure
        if not ax.has_data():
            ax.set_prop_cycle(**CYCLE)
        epochs = [record["epoch"] for record in self.history]
        self.lines_ = ax.plot(epochs, self._column("loss"), label=self.name)
        held_out = self._column("validation_loss")
        if np.isfinite(held_out).any():
            colour, best = self.lines_[0].get_color(), int(np.nanargmin(held_out))
            label = f"{self.name}, validation, lowest in epoch {epochs[best]}"
            self.lines_ += ax.plot(epochs, held_out, "o:", color=colour, ms=6, markevery=[best], label=label)
        ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
        add_legend(ax, [ax], loc="upper right")
        return self

    def _column(self, key: str) -> Array:
        return np.array([record.get(key, np.nan) for record in self.history], dtype=float)
