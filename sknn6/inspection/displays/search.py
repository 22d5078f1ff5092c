"""Plot a search."""

from collections.abc import Callable, Sequence
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sknn6.inspection.displays.panels import (
    add_legend,
    colour_bar,
    label_panels,
    number_axis,
    panels,
    parameter_axis,
)
from sknn6.inspection.displays.partial_dependence import partial_dependence
from sknn6.inspection.displays.theme import BLUE, CYCLE, GREY, SEQUENTIAL, VERMILLION
from sknn6.nn.annotations import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    Given: TypeAlias = Axes | Sequence[Axes] | Array | None

__all__ = ["SearchDisplay"]

# A skopt.Space, and the positions of its candidates.
Searched = tuple[Any, range]


class SearchDisplay:
    """Plots of a search: its progress, its candidates, and the effect of each parameter.

    Create it with `from_search`; `plot` draws the same search again, as another kind of plot.

    Parameters
    ----------
    candidates : list of dict
        The parameters of each candidate, in the order of evaluation.
    scores : ndarray of shape (n_candidates,)
        Their mean scores over the folds, the higher the better, not finite where a candidate failed.
    spaces : list of (skopt.Space, range), default=()
        The spaces that were searched, if they are known, each with the positions of its candidates.
    metric : str, default="score"
        Name of the scores, for the axis labels.
    name : str, default="search"
        Name of the search in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of them, one per parameter
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The best score so far, or the predicted scores in each panel; empty for "evaluations".

    See Also
    --------
    BayesSearchCV.results_frame : The same in numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknn6 import BayesSearchCV, MLPClassifier, search_space
    >>> from sknn6.inspection import SearchDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier(16, batch_size=32, max_iter=20, learning_rate="cosine", random_state=0)
    >>> space = {name: search_space(mlp)[name] for name in ("activation", "batchnorm")}
    >>> search = BayesSearchCV(mlp, space, n_iter=6, cv=3, random_state=0).fit(X, y)
    >>> display = SearchDisplay.from_search(search)
    >>> bool(display.lines_[0].get_ydata()[-1] == search.best_score_)
    True
    >>> display = display.plot(kind="evaluations")
    >>> [ax.get_xlabel() for ax in display.ax_]
    ['activation', 'batchnorm']
    """

    def __init__(
        self,
        candidates: list[dict[str, Any]],
        scores: Array,
        spaces: Sequence[Searched] = (),
        *,
        metric: str = "score",
        name: str = "search",
    ) -> None:
        self.candidates, self.scores, self.spaces = candidates, scores, spaces
        self.metric, self.name = metric, name

    @classmethod
    def from_search(
        cls, search: BaseEstimator, *, metric: str | None = None, name: str | None = None, **how: Any
    ) -> Self:
        """Plot a fitted search.

        Parameters
        ----------
        search : BayesSearchCV
            For "convergence" and "evaluations", any search with `cv_results_`, such as scikit-learn's.
        metric : str, default=None
            Which of several scores to plot; None means the one that `refit` names.
        name : str, default=None
            Name of the search in the legend; None means the name of its class.
        **how
            Parameters of `plot`.

        Returns
        -------
        SearchDisplay

        Raises
        ------
        ValueError
            If the search has several scores and `metric` names none of them.
        """
        check_is_fitted(
            search, "cv_results_", msg="search must be a search that has been fitted, got %(name)s."
        )
        metric, scores = scores_of(search, metric)
        candidates, spaces = candidates_of(search)
        return cls(candidates, scores, spaces, metric=metric, name=name or type(search).__name__).plot(**how)

    def plot(
        self,
        *,
        kind: str = "convergence",
        params: str | list[str] | None = None,
        space: int = 0,
        n_cols: int = 3,
        ax: "Axes | Sequence[Axes] | Array | None" = None,
    ) -> Self:
        """Draw the plot.

        Very low scores would hide the differences that matter. So scores further below the best one than
        three times the distance of the median are marked at that bound, as are candidates that failed.

        Parameters
        ----------
        kind : {"convergence", "evaluations", "partial_dependence"}, default="convergence"
            - "convergence": the scores in the order of evaluation, and the best score so far.
            - "evaluations": the scores over the values of each parameter; later candidates are darker.
            - "partial_dependence": the score that a model predicts for each value of a parameter, averaged
              over random values of the other parameters.
        params : str or list of str, default=None
            Parameters to draw; None means all that vary. For "partial_dependence", those with the largest
            effect come first.
        space : int, default=0
            Index of the space for "partial_dependence", if several were searched.
        n_cols : int, default=3
            Number of panels per row.
        ax : matplotlib Axes, or array of them, default=None
            Where to draw: for "convergence" one Axes, which several searches may share; for the other kinds
            one per parameter. None creates a new figure.

        Returns
        -------
        self : SearchDisplay

        Raises
        ------
        ValueError
            If `kind`, `params`, `space` or `ax` do not fit the search.

        Notes
        -----
        The model is a forest of extremely randomised trees, one of the two models with which the search
        proposes candidates. It is fitted when the plot is drawn.
        """
        draw: dict[str, Callable[[], tuple[Any, list[Line2D]]]] = {
            "convergence": lambda: self._plot_convergence(ax),
            "evaluations": lambda: self._plot_evaluations(params, n_cols, ax),
            "partial_dependence": lambda: self._plot_partial_dependence(params, space, n_cols, ax),
        }
        if kind not in draw:
            raise ValueError(f"kind must be one of {list(draw)}, got {kind!r}.")
        self.ax_, self.lines_ = draw[kind]()
        self.figure_ = np.ravel(self.ax_)[0].figure
        return self

    def _plot_convergence(self, ax: "Given") -> "tuple[Axes, list[Line2D]]":
        """Draw the scores in the order of evaluation, and the best so far."""
        (panel,) = panels(ax, 1, size=(5.4, 3.8))
        if not panel.has_data():
            panel.set_prop_cycle(**CYCLE)
        best = np.maximum.accumulate(np.where(np.isfinite(self.scores), self.scores, -np.inf))
        best[best < self._bounded_scores().min()] = np.nan
        order = np.arange(1, len(best) + 1)
        (line,) = panel.step(order, best, where="post", label=f"{self.name}, best so far")
        self._draw_scores(panel, order, slice(None), color=line.get_color(), alpha=0.5)
        number_axis(panel, order)
        panel.set(xlabel="candidates evaluated", ylabel=self.metric)
        add_legend(panel, [panel], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return panel, [line]

    def _plot_evaluations(
        self, params: str | list[str] | None, n_cols: int, ax: "Given"
    ) -> "tuple[Array, list[Line2D]]":
        """Draw for each parameter the scores over its values."""
        names = sorted({name for candidate in self.candidates for name in candidate})
        columns = {
            name: {i: own[name] for i, own in enumerate(self.candidates) if name in own} for name in names
        }
        varied = [name for name in names if len(set(columns[name].values())) > 1]
        names = chosen(params, varied or names)
        axes = panels(ax, len(names), n_cols=n_cols)
        for panel, name in zip(axes, names, strict=True):
            which = np.array(list(columns[name]))
            known = [dimension for space, _ in self.spaces for dimension in space if dimension.name == name]
            x = parameter_axis(panel, name, list(columns[name].values()), known)
            order = {"c": which + 1, "cmap": SEQUENTIAL, "vmin": 1, "vmax": len(self.scores)}
            points = self._draw_scores(panel, x, which, edgecolors=GREY, linewidths=0.5, **order)
        label_panels(axes, self.metric)
        colour_bar(points, axes, "order of evaluation")
        return axes, []

    def _plot_partial_dependence(
        self, params: str | list[str] | None, space: int, n_cols: int, ax: "Given"
    ) -> "tuple[Array, list[Line2D]]":
        """Draw for each parameter the scores that a model predicts, over the scores of the candidates."""
        searched, which = self._space(space)
        values = {name: [self.candidates[i][name] for i in which] for name in searched.dimension_names}
        points = list(zip(*values.values(), strict=True))
        curves = partial_dependence(searched, points, self._bounded_scores()[which])
        names = chosen(params, sorted(curves, key=lambda name: -np.ptp(curves[name][1])))
        axes, lines, expected = panels(ax, len(names), n_cols=n_cols), [], f"expected {self.metric}"
        for panel, name in zip(axes, names, strict=True):
            known = [dimension for dimension in searched if dimension.name == name]
            x = parameter_axis(panel, name, [*values[name], *curves[name][0]], known)
            self._draw_scores(panel, x[: len(which)], which, color=GREY, alpha=0.4)
            style = "s" if hasattr(known[0], "categories") else "-"
            lines += panel.plot(x[len(which) :], curves[name][1], style, color=BLUE, label=expected)
        label_panels(axes, expected)
        return axes, lines

    def _space(self, index: int) -> Searched:
        """Return a space and the positions of its candidates."""
        if not self.spaces:
            raise ValueError(
                'kind must be "convergence" or "evaluations" for a search other than BayesSearchCV, got '
                '"partial_dependence".'
            )
        if not isinstance(index, Integral) or index not in range(len(self.spaces)):
            raise ValueError(f"space must be an int from 0 to {len(self.spaces) - 1}, got {index!r}.")
        return self.spaces[index]

    def _bounded_scores(self) -> Array:
        """Return the scores, bounded below as for the search's models: see `bounded_losses`."""
        from sknn6.search.proposals import bounded_losses

        return -np.array(bounded_losses(self.scores))

    def _draw_scores(
        self, ax: "Axes", x: ArrayLike, which: slice | Array | range, **how: Any
    ) -> "PathCollection":
        """Draw candidates at their scores, with marks at the bound for those that failed or are below it."""
        x, scores, bounded = np.asarray(x), self.scores[which], self._bounded_scores()[which]
        failed, low = ~np.isfinite(scores), scores < bounded
        points = ax.scatter(x, np.where(failed | low, np.nan, scores), s=20, label="a candidate", **how)
        for label, marker, there in (("failed", "x", failed), ("below {:.3g}", "v", low & ~failed)):
            if there.any():
                bound = bounded[there]
                ax.plot(x[there], bound, marker, ms=5, color=VERMILLION, label=label.format(bound[0]))
        return points


def scores_of(search: Any, metric: str | None) -> tuple[str, Array]:
    """Return the name of the scores to draw, and the scores."""
    results = search.cv_results_
    names: list[str] = [name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")]
    if metric is None and len(names) == 1:
        (metric,) = names
    elif metric is None and search.refit in names:
        metric = search.refit
    if metric not in names:
        raise ValueError(f"metric must be one of {names}, got {metric!r}.")
    scores = np.asarray(results[f"mean_test_{metric}"], dtype=float)
    called = search.scoring if metric == "score" and isinstance(search.scoring, str) else metric
    return called, scores


def candidates_of(search: Any) -> tuple[list[dict[str, Any]], list[Searched]]:
    """Return the candidates, and the spaces with the positions of their candidates if they are known."""
    if not hasattr(search, "optimizer_results_"):
        drawn = [
            {name: drawn_value(value) for name, value in params.items()}
            for params in search.cv_results_["params"]
        ]
        return drawn, []
    candidates: list[dict[str, Any]] = []
    spaces: list[Searched] = []
    for result in search.optimizer_results_:
        names, start = result.space.dimension_names, len(candidates)
        candidates += [dict(zip(names, point, strict=True)) for point in result.x_iters]
        spaces.append((result.space, range(start, len(candidates))))
    return candidates, spaces


def drawn_value(value: Any) -> Any:
    """Return a value as it is drawn: a number unchanged, anything else as text."""
    return value if isinstance(value, Number) and not isinstance(value, bool) else str(value)


def chosen(params: str | list[str] | None, available: list[str]) -> list[str]:
    """Return the parameters to draw.

    Raises
    ------
    ValueError
        If one is not available.
    """
    names = [params] if isinstance(params, str) else list(available if params is None else params)
    if not names or not set(names) <= set(available):
        raise ValueError(f"params must name parameters that vary, of {sorted(available)}, got {names}.")
    return names
