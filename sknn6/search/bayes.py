"""Bayesian search with cross-validation: an extension of scikit-optimize's."""

import sys
from collections.abc import Callable
from numbers import Integral, Number
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import skopt
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.utils.validation import check_is_fitted
from skopt.callbacks import check_callback
from skopt.space import Dimension

from sknn6._sklearn_compat import number_of_rows
from sknn6.annotations import Matrix, Seed
from sknn6.loops import called_in_loop
from sknn6.optional import require
from sknn6.rollback import unchanged_if_it_fails
from sknn6.search.proposals import Axis
from sknn6.search.resuming import SearchFile
from sknn6.search.run import Run
from sknn6.search.splits import SameSplits
from sknn6.search.workers import workers_for
from sknn6.versions import Versioned
from sknn6.warn import warn_user

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["BayesSearchCV"]


def dimension_of(name: str, given: Any) -> Dimension:
    """Return what is given for a parameter as a dimension; raise ValueError if that is not possible."""
    try:
        return Axis.of(given).dimension
    except ValueError as error:
        raise ValueError(
            f"search_spaces needs for {name!r} a dimension of skopt.space, a list of categories, or a tuple "
            f"(low, high) or (low, high, prior), got {given!r}. {error}"
        ) from error


class BayesSearchCV(Versioned, skopt.BayesSearchCV):
    """Bayesian search over parameters with cross-validation, on scikit-optimize's optimizer.

    The search first evaluates the estimator's own parameters, then a few points spread over the space, then
    one point after the other: the one for which a model of the scores expects the largest improvement.

    It takes the arguments of `skopt.BayesSearchCV`; categories may also be tuples, lists, None or estimators.
    A candidate that fails, or whose score is not finite, is recorded in `cv_results_` and the search goes on.
    Candidates whose worker processes are lost are evaluated once more.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune.
    search_spaces : dict, or list of dict or (dict, int)
        The dimension of each parameter, by its name, see `search_space`. Several spaces are searched in turn,
        each with `n_iter` candidates, or with the number that is given with it.
    optimizer_kwargs : dict or None, default=None
        Arguments of `skopt.Optimizer`. By default the model of the scores ("base_estimator") alternates
        between a Gaussian process and extremely randomised trees, the acquisition function is expected
        improvement, and "n_initial_points" is 5. With the acquisition optimizer "lbfgs" the model is the
        process. A "space_constraint" gets the values of the parameters in the order of their names.
    n_iter : int, default=50
        Number of candidates. No point is evaluated twice, so the search of a space with fewer points ends
        earlier.
    scoring, cv, pre_dispatch, return_train_score
        As in `sklearn.model_selection.GridSearchCV`. All candidates are scored on the same splits, even if
        `cv` draws new ones at each call.
    fit_params : None
        Not used; it is in the signature because scikit-optimize has it. Pass parameters of the fits to `fit`.
    n_jobs : int or None, default=None
        Number of fits that run in parallel; None means 1, unless `joblib.parallel_config` says otherwise.
        They run in threads if all candidates train networks of the package in compiled epochs, which needs
        Numba, and otherwise in processes. Candidates and scores are the same in both.
    n_points : int, default=1
        Number of candidates that are proposed and evaluated together.
    iid : "deprecated"
        Not used.
    refit : bool, str or callable, default=True
        As in `GridSearchCV`. With several scorers it must be the name of the one that guides the search.
    verbose : int, default=0
        1 prints one line per candidate: its score, the best score so far, the elapsed time and the remaining
        time. A larger v also prints what `GridSearchCV` prints for v - 1.
    random_state : int, RandomState or None, default=None
        Seed of the proposals.
    error_score : "raise" or float, default=nan
        The score of a fit that fails; "raise" ends the search.
    checkpoint : path or None, default=None
        A file to which each candidate is saved once it is evaluated. A search with the same parameters and
        data resumes from it, and finds what it would have found without the interruption. `n_iter` may have
        changed.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in `GridSearchCV`. Further columns are "failed", which says whether all fits of a candidate failed,
        and with `return_train_score` the ranks by the training score.
    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        As in `GridSearchCV`.
    optimizer_results_ : list of OptimizeResult
        For each space, the points and their losses, for `plot_convergence` and `plot_evaluations` of
        `skopt.plots`. They have no model of the losses, which `plot_objective` needs; in its place
        :class:`~sknn6.inspection.SearchDisplay` draws the partial dependence. Categories other than strings
        and numbers are replaced by their text.

    See Also
    --------
    search_space : A space for the package's estimators.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, search_space
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier(ensemble_size=1, batch_size=32, random_state=0)
    >>> pipeline = make_pipeline(Standardizer(), mlp)
    >>> space = search_space(pipeline, exclude=["batch_size", "batchnorm"])
    >>> search = BayesSearchCV(pipeline, space, n_iter=3, cv=3, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.9)
    True
    >>> len(search.results_frame())
    3
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        search_spaces: dict[str, Any] | list[Any],
        optimizer_kwargs: dict[str, Any] | None = None,
        n_iter: int = 50,
        scoring: Any = None,
        fit_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
        n_points: int = 1,
        iid: str = "deprecated",
        refit: bool | str | Callable[..., Any] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Seed = None,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        checkpoint: str | PathLike[str] | None = None,
    ):
        super().__init__(
            estimator,
            search_spaces,
            optimizer_kwargs=optimizer_kwargs,
            n_iter=n_iter,
            scoring=scoring,
            fit_params=fit_params,
            n_jobs=n_jobs,
            n_points=n_points,
            iid=iid,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.checkpoint = checkpoint

    def _check_search_space(self, search_space: Any) -> None:
        """Convert the spaces to dimensions that scikit-optimize accepts, and let it check them."""

        def with_dimensions(space: Any) -> Any:
            if isinstance(space, tuple) and len(space) == 2 and isinstance(space[1], Number):
                space, n_iter = space
                if not isinstance(n_iter, Integral) or n_iter < 1:
                    raise ValueError(
                        f"search_spaces needs at least 1 candidate for each space, got {n_iter!r}."
                    )
                return with_dimensions(space), int(n_iter)
            if not isinstance(space, dict):
                raise TypeError(
                    "search_spaces must be a dict, or a list of dicts or of tuples (dict, number of "
                    f"candidates), got {space!r}."
                )
            if not space:
                raise ValueError("search_spaces must have a parameter in each space, got an empty one.")
            return {name: dimension_of(name, given) for name, given in space.items()}

        if isinstance(search_space, list):
            search_space = [with_dimensions(space) for space in search_space]
        else:
            search_space = [with_dimensions(search_space)]
        super()._check_search_space(search_space)

    def _subspaces(self) -> list[tuple[dict[str, Any], int]]:
        """Return each space with its number of candidates."""
        spaces = self.search_spaces if isinstance(self.search_spaces, list) else [self.search_spaces]
        return [space if isinstance(space, tuple) else (space, self.n_iter) for space in spaces]

    @property
    def total_iterations(self) -> int:
        """Candidates of all spaces together."""
        return sum(n_iter for _, n_iter in self._subspaces())

    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        callback: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        **params: Any,
    ) -> Self:
        """Search, then refit on all the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        groups : array-like of shape (n_samples,), default=None
            Passed on to the splitter.
        callback : callable or list of callables, default=None
            ``callback(result)`` is called with scikit-optimize's result so far, after each candidate or group
            of `n_points` candidates. If it returns something true, the search ends, with a warning unless the
            callback is an `EarlyStopper` of scikit-optimize.
        **params
            Passed on to the estimator's `fit`, the splitter and the scorer, as `GridSearchCV` does.

        Returns
        -------
        self : BayesSearchCV

        Raises
        ------
        ValueError
            If a parameter is invalid, or if none of the candidates could be fitted.
        """
        self._check_parameters()
        if groups is not None:
            params["groups"] = groups
        cv = self.cv
        splits = SameSplits(check_cv(cv, y, classifier=is_classifier(self.estimator)))
        run = self._run = Run(
            self,
            callbacks=check_callback(callback),
            file=SearchFile(self, X, y, params),
            n_rows=number_of_rows(X),
            frame=sys._getframe(),
        )
        self.cv: Any = splits
        try:
            with unchanged_if_it_fails(self):
                failure = self._search_and_refit(X, y, params)
        finally:
            splits.splits = None
            self.cv = cv
            del self._run
        # The results are stored by now, so nothing is lost if the user has made errors of warnings.
        run.warn()
        if failure is not None:
            warn_user(failure)
        return self

    def _check_parameters(self) -> None:
        """Raise an error if a parameter is invalid; it may have been set since `__init__`."""
        if self.fit_params is not None:
            raise ValueError(
                f"fit_params must be None, got {self.fit_params!r}. Pass parameters of the fits to fit."
            )
        for name in ("n_iter", "n_points"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name} must be an int of at least 1, got {value!r}.")
        self._check_search_space(self.search_spaces)
        self._check_names()

    def _search_and_refit(self, X: Any, y: Any, params: dict[str, Any]) -> str | None:
        """Search and refit; if only the refit fails, keep the results and return the text of a warning."""
        for name in ("best_estimator_", "best_index_", "best_params_", "best_score_"):
            self.__dict__.pop(name, None)
        run = self._run
        try:
            with run.workers:
                run.workers.enter_context(workers_for(self, X, y))
                # BaseSearchCV.fit, without what scikit-optimize's `fit` adds: `Run` does that in its own way.
                super(skopt.BayesSearchCV, self).fit(X, y, **params)
        except (Exception, KeyboardInterrupt) as error:
            interrupts_loop = isinstance(error, KeyboardInterrupt) and called_in_loop(run.frame)
            if not run.ended or interrupts_loop or self.error_score == "raise":
                raise
            self.__dict__.pop("best_estimator_", None)
            # If `refit` is a function that fails, nothing has been chosen.
            kept = "cv_results_ and best_params_ have" if hasattr(self, "best_params_") else "cv_results_ has"
            return (
                f"The refit with the best parameters failed ({type(error).__name__}: {error}), so there is "
                f"no best_estimator_. {kept} what was found."
            )
        return None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the callbacks and the checkpoint of a running search, which its workers do not need."""
        state = super().__getstate__()
        state.pop("_run", None)
        return state

    def _run_search(
        self, evaluate_candidates: Callable[..., dict[str, Any]], *, callback_ctx: Any = None
    ) -> None:
        # BaseSearchCV.fit has created its Parallel by now, with our threads if `workers_for` has set them.
        # From here on, other Parallel objects get joblib's usual workers again.
        run = self._run
        run.workers.close()
        run.search(evaluate_candidates, callback_ctx)
        self.cv_results_ = run.evaluator.results  # in case the refit fails
        self._optim_results = [each.result() for each in run.subsearches if each.candidates]
        run.ended = True

    def _check_refit_for_multimetric(self, scores: Any) -> None:
        """Check `refit` as GridSearchCV does for one score, and as scikit-optimize does for several.

        If there are several scores, `refit` must be the name of one.
        """
        own = skopt.BayesSearchCV if len(scores) > 1 else GridSearchCV
        own._check_refit_for_multimetric(self, scores)

    def _check_names(self) -> None:
        """Raise ValueError if a name in a space is not a parameter of the estimator or of a category."""
        for space, _ in self._subspaces():
            axes = {name: Axis.of(given) for name, given in space.items()}
            parts = {
                name: [part for part in axis.categories or () if hasattr(part, "get_params")]
                for name, axis in axes.items()
            }
            known = set(self.estimator.get_params()).union(
                f"{name}__{own}" for name in parts for part in parts[name] for own in part.get_params()
            )
            for name in sorted(axes.keys() - known):
                try:  # some estimators accept parameters that get_params does not list
                    clone(self.estimator).set_params(**{name: axes[name].ends()[0]})
                except ValueError as error:
                    raise ValueError(
                        "search_spaces must have names of parameters of the estimator, "
                        f"{type(self.estimator).__name__}, got {name!r}."
                    ) from error

    def results_frame(self) -> "DataFrame":
        """Return the candidates as a pandas DataFrame, best first: scores, seconds per fit, parameters."""
        pd = require("pandas", "pandas")
        check_is_fitted(self, "cv_results_")
        results = self.cv_results_
        scores = [name for name in results if name.startswith(("mean_test_", "std_test_", "rank_test_"))]
        frame = pd.DataFrame({name: results[name] for name in (*scores, "mean_fit_time", "failed")})
        frame.insert(0, "candidate", np.arange(1, len(frame) + 1))
        columns = {name: column for name, column in results.items() if name.startswith("param_")}
        # A parameter that a candidate does not have is NaN; None stays None.
        params = pd.DataFrame(
            {name: pd.Series(column, dtype=object if column.dtype == object else None)
             for name, column in columns.items()}
        )  # fmt: skip
        order = f"rank_test_{self.refit}"  # with several scorers, refit names the one that guides the search
        if order not in scores:
            order = next(name for name in scores if name.startswith("rank_test_"))
        return pd.concat([frame, params], axis=1).sort_values(order, kind="stable", ignore_index=True)
