"""Plot the covariance of the features before and after whitening."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sknn6.inspection.displays.panels import MOST_NAMES, add_legend, label_features, panels
from sknn6.inspection.displays.theme import CYCLE, SIGNED
from sknn6.nn.annotations import Array
from sknn6.threads import products_share_cores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WhiteningDisplay"]

# Eigenvalues below this share of the largest are rounding errors.
ROUNDING = 1e-12


class WhiteningDisplay:
    """Plot of the covariance of the features before and after whitening, and of both spectra.

    Create it with `from_estimator`.

    Parameters
    ----------
    before, after : ndarray of shape (n_features, n_features), (n_components, n_components)
        The covariance matrices.
    names_before, names_after : array-like of str or None, default=None
        The names of the features, if there are any.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The covariance before, the covariance after, and the eigenvalues of both.
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

    def __init__(
        self,
        before: Array,
        after: Array,
        names_before: Sequence[str] | Array | None = None,
        names_after: Sequence[str] | Array | None = None,
    ) -> None:
        self.before, self.after = before, after
        self.names_before, self.names_after = names_before, names_after

    @classmethod
    def from_estimator(
        cls, whitener: BaseEstimator, X: ArrayLike, *, ax: "Sequence[Axes] | Array | None" = None
    ) -> Self:
        """Plot the covariance of X before and after a whitener, or any other transformer.

        Parameters
        ----------
        whitener : Whitener
            If it is not fitted, a copy is fitted to X.
        X : array-like of shape (n_samples, n_features)
            The columns of a data frame label the axes.
        ax : array of three matplotlib Axes, default=None
            Where to draw; None creates a new figure.

        Returns
        -------
        WhiteningDisplay
        """
        try:
            check_is_fitted(whitener)
        except NotFittedError:
            whitener = clone(whitener).fit(X)
        if np.shape(X)[0] < 2:
            raise ValueError(
                f"X must have at least 2 rows, from which covariances are computed, got {np.shape(X)[0]}."
            )
        covariances = [
            np.atleast_2d(np.cov(np.asarray(part, float), rowvar=False))
            for part in (X, whitener.transform(X))
        ]
        names = {}
        if hasattr(whitener, "feature_names_in_"):
            names["names_before"] = whitener.feature_names_in_
            names["names_after"] = whitener.get_feature_names_out()
        return cls(*covariances, **names).plot(ax=ax)

    @products_share_cores()
    def plot(self, *, ax: "Sequence[Axes] | Array | None" = None) -> Self:
        """Draw the covariances and their spectra.

        Parameters
        ----------
        ax : array of three matplotlib Axes, default=None
            Where to draw; None creates a new figure.

        Returns
        -------
        self : WhiteningDisplay
        """
        named = 0 if self.names_before is None else min(len(self.names_before), MOST_NAMES)
        room = 0.15 * named
        self.axes_ = panels(ax, 3, n_cols=3, size=(3.4 + room, 3.0 + room), sharey=False)
        self.figure_ = self.axes_[0].figure
        for panel, title, covariance, names in (
            (self.axes_[0], "before", self.before, self.names_before),
            (self.axes_[1], "after", self.after, self.names_after),
        ):
            most = float(np.abs(covariance).max()) or 1.0
            drawn = panel.imshow(covariance, cmap=SIGNED, vmin=-most, vmax=most)
            panel.set_title(title, loc="left")
            if names is None:
                panel.set(xlabel="feature", ylabel="feature")
            else:
                label_features(panel.xaxis, names)
                label_features(panel.yaxis, names)
                panel.tick_params("x", rotation=90)
            self.figure_.colorbar(drawn, ax=panel, label="covariance", shrink=0.7)
        spectrum = self.axes_[2]
        spectrum.set_title("spectrum", loc="left")
        spectrum.set_prop_cycle(**CYCLE)
        for name, covariance in (("before", self.before), ("after", self.after)):
            values = np.linalg.eigvalsh(covariance)[::-1]
            values[values < ROUNDING * values[0]] = np.nan
            spectrum.plot(np.arange(1, len(values) + 1), values, label=name)
        spectrum.set(yscale="log", xlabel="component", ylabel="variance")
        add_legend(spectrum, [spectrum], loc="best")
        return self
