"""Evaluate candidates by scikit-learn's loop over parameters and splits."""

import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sknn6.search.proposals import Proposal
from sknn6.search.results import Candidate, all_failed
from sknn6.warn import warn_user

__all__ = ["Evaluator", "score_of"]

# Packages whose errors are those of lost workers: joblib and its backends. Older releases of Dask raise the
# error of concurrent.futures for lost data.
ENGINES = {"joblib", "distributed", "ray", "concurrent"}


class Evaluator:
    """The evaluation of the candidates of one search.

    Parameters
    ----------
    search_cv : BayesSearchCV
        Its `cv` is a `SameSplits`.
    evaluate_candidates : callable
        The function that `BaseSearchCV` passes to `_run_search`.
    context : CallbackContext or None
        The context of the whole search, in which each call of `evaluate` has its own.
    known_splits : str or None
        The hash of the splits with which the candidates of a checkpoint were evaluated.

    Attributes
    ----------
    results : dict
        scikit-learn's results of all evaluations; empty before the first one.
    failure : Exception or None
        The last error.
    """

    def __init__(
        self,
        search_cv: Any,
        evaluate_candidates: Callable[..., dict[str, Any]],
        context: Any,
        known_splits: str | None,
    ) -> None:
        self.search_cv, self.evaluate_candidates = search_cv, evaluate_candidates
        self.context, self.splits, self.known_splits = context, search_cv.cv, known_splits
        self.results: dict[str, Any] = {}
        self.failure: Exception | None = None

    def evaluate(self, asked: list[Proposal], task: str) -> list[Candidate]:
        """Evaluate proposals and return the candidates; `task` names them on a progress bar.

        A candidate whose parameters cannot be set has failed: with it, scikit-learn would end the search.
        """
        valid = [self.can_be_set(proposal.params) for proposal in asked]
        chosen = [proposal for proposal, is_valid in zip(asked, valid, strict=True) if is_valid]
        evaluated = iter(self.evaluate_valid(chosen, task) if chosen else [])
        return [
            next(evaluated) if is_valid else Candidate(proposal)
            for proposal, is_valid in zip(asked, valid, strict=True)
        ]

    def can_be_set(self, params: dict[str, Any]) -> bool:
        """Return whether the estimator has these parameters; one that is a category may lack some."""
        try:
            clone(self.search_cv.estimator).set_params(**clone(params, safe=False))
        except Exception as error:
            if self.search_cv.error_score == "raise":
                raise
            self.failure = error
            return False
        return True

    def evaluate_valid(self, asked: list[Proposal], task: str) -> list[Candidate]:
        """Evaluate proposals whose parameters can be set and return the candidates."""
        params = [proposal.params for proposal in asked]
        try:
            with warnings.catch_warnings(), np.errstate(invalid="ignore"):
                # The search warns once, at its end.
                warnings.filterwarnings(
                    "ignore", message="One or more of the (test|train) scores are non-finite"
                )
                # Some candidates of a space have too large a batch size, or a rate at which they do not
                # converge. The refit warns if the best candidate is one of them.
                warnings.filterwarnings("ignore", message=r"batch_size=\d+ is larger than")
                warnings.simplefilter("ignore", ConvergenceWarning)
                results = self.call_scikit_learn(params, task)
        except ValueError as error:
            if "fits failed" not in str(error):
                raise
            self.failure = error
            return list(map(Candidate, asked))
        self.results = results
        self.check_splits()
        self.check_metric()
        rows = [
            {
                name: float(column[i - len(asked)])
                for name, column in results.items()
                if name != "params" and not name.startswith(("param_", "rank_"))
            }
            for i in range(len(asked))
        ]
        return [
            Candidate(proposal)
            if all_failed(row, self.search_cv.error_score)
            else Candidate(proposal, row, score_of(row, self.search_cv.refit))
            for proposal, row in zip(asked, rows, strict=True)
        ]

    def call_scikit_learn(self, params: list[dict[str, Any]], task: str) -> dict[str, Any]:
        """Evaluate the parameters on all splits, and once again if workers or their data were lost."""
        verbose, self.search_cv.verbose = self.search_cv.verbose, max(0, self.search_cv.verbose - 1)
        try:
            return self.call_in_context(params, task)
        except Exception as error:
            if not is_of_engine(error):
                raise
            warn_user(f"Workers failed ({type(error).__name__}); their candidates are evaluated once more.")
            # There is one context per candidate, and the first attempt used it.
            return self.evaluate_candidates(params)
        finally:
            self.search_cv.verbose = verbose

    def call_in_context(self, params: list[dict[str, Any]], task: str) -> dict[str, Any]:
        """Evaluate the parameters in a callback context of their own, if scikit-learn has contexts."""
        if not self.context:
            return self.evaluate_candidates(params)
        context = self.context.subcontext(
            task_name=task,
            max_subtasks=len(params) * self.search_cv.n_splits_,
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self.search_cv)
        try:
            return self.evaluate_candidates(params, callback_ctx=context)
        finally:
            context.call_on_fit_task_end(estimator=self.search_cv)

    def check_metric(self) -> None:
        """Raise ValueError if there are several scores, and `refit` does not name the one to maximise."""
        names = [name.removeprefix("mean_test_") for name in self.results if name.startswith("mean_test_")]
        if len(names) > 1:
            self.search_cv._check_refit_for_multimetric(names)

    def check_splits(self) -> None:
        """Record the hash of the splits; raise if the checkpoint was written with other splits."""
        splits = joblib.hash(self.splits.splits)
        if self.known_splits not in (None, splits):
            cv = self.splits.cv
            unseeded = getattr(cv, "shuffle", True) and getattr(cv, "random_state", 0) is None
            raise ValueError(
                "cv must give the same splits as when the checkpoint was written, to go on from it"
                f"{', give it a random_state' * unseeded}; got {cv!r}."
            )
        self.known_splits = splits


def score_of(row: dict[str, float] | None, metric: Any) -> float:
    """Return the score that the search maximises, from a row of results; NaN if there is none.

    `metric` is the name of one of several scores. It may have changed since a checkpoint was written.
    """
    means = {name: mean for name, mean in (row or {}).items() if name.startswith("mean_test_")}
    if len(means) == 1:
        (mean,) = means.values()
        return mean
    return means.get(f"mean_test_{metric}", np.nan)


def is_of_engine(error: Exception) -> bool:
    """Return whether an error comes from joblib or its backend; errors of fits are caught by scikit-learn."""
    return any(kind.__module__.partition(".")[0] in ENGINES for kind in type(error).__mro__)
