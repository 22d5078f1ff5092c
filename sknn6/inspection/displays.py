"""Pictures of a training, of a network, and of what prepares its data."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sknn6.annotations import Matrix
from sknn6.estimators.fitted import architecture_of
from sknn6.inspection.learning_rate import LearningRateRange, learning_rate_range_test
from sknn6.inspection.panels import add_legend, panels
from sknn6.inspection.probe import perceptron_of
from sknn6.inspection.statistics import LayerStatistics, layer_statistics
from sknn6.inspection.theme import BLUE, CYCLE, DIVERGING, GREY, VERMILLION
from sknn6.nn.layers import SCALE_SPEED
from sknn6.threads import products_share_cores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "FilterDisplay",
    "LayerStatisticsDisplay",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "WhiteningDisplay",
]

# Eigenvalues below this share of the largest are rounding.
ROUNDING = 1e-12


class LossCurveDisplay:
    """The loss over the epochs of a training, on the training data and on the validation data.

    Made by `from_estimator`.

    Parameters
    ----------
    history : list of dict
        A record an epoch, as in `history_`.
    name : str, default="training"
        What the legend calls the training.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The loss on the training data, then, if there is one, on the validation data.

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

    def __init__(self, history: list[dict], *, name: str = "training"):
        self.history, self.name = history, name

    @classmethod
    def from_estimator(cls, estimator: BaseEstimator, *, name: str | None = None, **how: Any) -> Self:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        name : str, default=None
            What the legend calls it; None is the name of its class.
        **how
            What `plot` takes.

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
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, which several trainings may share; None makes a new figure.
        log : bool, default=False
            Whether the loss has a log scale.

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
            self.lines_ += ax.plot(epochs, held_out, color=colour, ls=":", label=f"{self.name}, validation")
            ax.plot(epochs[best], held_out[best], "o", color=colour, ms=6)
        ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
        add_legend(ax, [ax], loc="upper right")
        return self

    def _column(self, key):
        return np.array([record.get(key, np.nan) for record in self.history], dtype=float)


class LearningRateDisplay:
    """The loss over the learning rates of a range test, with the rate that it suggests.

    Made by `from_estimator`, or of what `learning_rate_range_test` gives.

    Parameters
    ----------
    found : LearningRateRange

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The losses, their running mean, and the suggestion.

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

    def __init__(self, found: LearningRateRange):
        self.found = found

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, X: Matrix, y: ArrayLike, *, ax: "Axes | None" = None, **test: Any
    ) -> Self:
        """Run the test and draw it.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **test
            What `learning_rate_range_test` takes besides.

        Returns
        -------
        LearningRateDisplay
        """
        return cls(learning_rate_range_test(estimator, X, y, **test)).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

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
        # A few batches may be far above: the picture is that of the running mean.
        low, high = found.smoothed.min(), found.smoothed.max()
        ax.set_ylim(low - 0.25 * (high - low), high + 0.25 * (high - low))
        if not math.isnan(found.suggestion):
            ax.axvspan(*found.bounds, color=BLUE, alpha=0.08, lw=0, label="to search among")
            suggested = f"suggestion, {found.suggestion:.2g}"
            self.lines_.append(ax.axvline(found.suggestion, color=VERMILLION, ls="--", label=suggested))
        add_legend(ax, [ax], loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        return self


class LayerStatisticsDisplay:
    """Histograms of what each layer puts out, as in the lecture's slides on initial weights.

    Made by `from_estimator`, or of what `layer_statistics` gives.

    Parameters
    ----------
    statistics : LayerStatistics

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one a layer
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

    def __init__(self, statistics: LayerStatistics):
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
        """Look inside a network, fitted or as it would start, and draw it.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like, default=None
            The targets, needed if it is not fitted.
        sample_weight : array-like of shape (n_samples,), default=None
        **how
            What `plot` takes.

        Returns
        -------
        LayerStatisticsDisplay
        """
        return cls(layer_statistics(estimator, X, y, sample_weight=sample_weight)).plot(**how)

    def plot(self, *, ax: "Sequence[Axes] | NDArray | None" = None, n_cols: int = 5, bins: int = 30) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array of matplotlib Axes, one a layer, default=None
            Where to draw; None makes a new figure.
        n_cols : int, default=5
            Panels in a row.
        bins : int, default=30
            Bars of a histogram.

        Returns
        -------
        self : LayerStatisticsDisplay
        """
        found = self.statistics
        self.axes_ = panels(ax, len(found.names), n_cols=n_cols, size=(2.1, 2.0), sharey=False)
        self.figure_ = self.axes_[0].figure
        for i, (panel, name) in enumerate(zip(self.axes_, found.names, strict=True)):
            outputs = found.outputs[i][np.isfinite(found.outputs[i])]
            panel.hist(outputs, bins=bins, color=BLUE)
            panel.set_title(name, loc="left", fontsize="medium")
            panel.set(yticks=[], xlabel=caption(found, i))
            panel.spines[["left", "top", "right"]].set_visible(False)
        return self


def caption(found, i):
    """Return the figures of a layer in words."""
    lines = [f"mean {found.mean[i]:.2g}, std {found.std[i]:.2g}"]
    if not math.isnan(found.dead[i]):
        lines.append(f"flat {found.saturated[i]:.0%}, dead {found.dead[i]:.0%}")
    return "\n".join(lines)


class FilterDisplay:
    """The weights of the first layer as images, one a hidden unit.

    Made by `from_estimator`.

    Parameters
    ----------
    filters : ndarray of shape (n_units, height, width)
    titles : list of str

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one a filter
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
        """Draw the filters of a fitted estimator, those of the largest norm.

        Steps of a Pipeline before the network are not undone: these are the weights of what it is given.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        image_shape : (int, int), default=None
            Height and width; None is a square.
        n_filters : int, default=24
            How many units to draw, or all if there are fewer.
        member : int, default=0
            Which of several networks.
        **how
            What `plot` takes.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        TypeError
            If there is no multi-layer perceptron in the estimator, or there are several.
        ValueError
            If the features do not make images of that shape, or there is no such network.
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
        """Draw.

        Parameters
        ----------
        ax : array of matplotlib Axes, one a filter, default=None
            Where to draw; None makes a new figure.
        n_cols : int, default=8
            Filters in a row.

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


class WhiteningDisplay:
    """The covariance of the features before and after whitening, and their spectra.

    Made by `from_estimator`.

    Parameters
    ----------
    before, after : ndarray of shape (n_features, n_features), (n_components, n_components)
        Covariances.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Covariance before, after, and the eigenvalues of both.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknn6 import Whitener
    >>> from sknn6.inspection import WhiteningDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = WhiteningDisplay.from_estimator(Whitener(), X)
    >>> [ax.get_title(loc="left") for ax in display.axes_]
    ['before', 'after', 'spectrum']
    """

    def __init__(self, before: NDArray, after: NDArray):
        self.before, self.after = before, after

    @classmethod
    def from_estimator(
        cls, whitener: BaseEstimator, X: ArrayLike, *, ax: "Sequence[Axes] | NDArray | None" = None
    ) -> Self:
        """Draw what a whitener, or any transformer, does to the covariance of X.

        Parameters
        ----------
        whitener : Whitener
            Fitted; if it is not, a copy is fitted to X.
        X : array-like of shape (n_samples, n_features)
        ax : array of three matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        WhiteningDisplay
        """
        try:
            check_is_fitted(whitener)
        except NotFittedError:
            whitener = clone(whitener).fit(X)
        before, after = np.asarray(X, float), np.asarray(whitener.transform(X), float)
        return cls(*(np.atleast_2d(np.cov(part, rowvar=False)) for part in (before, after))).plot(ax=ax)

    @products_share_cores()
    def plot(self, *, ax: "Sequence[Axes] | NDArray | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : array of three matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : WhiteningDisplay
        """
        self.axes_ = panels(ax, 3, n_cols=3, size=(3.4, 3.0), sharey=False)
        self.figure_ = self.axes_[0].figure
        for panel, title, covariance in zip(
            self.axes_[:2], ("before", "after"), (self.before, self.after), strict=True
        ):
            most = float(np.abs(covariance).max()) or 1.0
            drawn = panel.imshow(covariance, cmap=DIVERGING, vmin=-most, vmax=most)
            panel.set_title(title, loc="left")
            panel.set(xlabel="feature", ylabel="feature")
            self.figure_.colorbar(drawn, ax=panel, label="covariance", shrink=0.7)
        spectrum = self.axes_[2]
        spectrum.set_title("spectrum", loc="left")
        spectrum.set_prop_cycle(**CYCLE)
        for name, covariance in (("before", self.before), ("after", self.after)):
            values = np.linalg.eigvalsh(covariance)[::-1]
            values[values < ROUNDING * values[0]] = np.nan
            spectrum.plot(np.arange(1, len(values) + 1), values, label=name)
        spectrum.set(yscale="log", xlabel="component", ylabel="variance")
        add_legend(spectrum, [spectrum], loc="lower left")
        return self
