"""The course of a search: propose candidates, evaluate them, save them, and report to the user."""

import warnings
from time import perf_counter

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from skopt.callbacks import EarlyStopper

from sknn6.loops import called_in_loop
from sknn6.search.borders import at_border
from sknn6.search.proposals import Axis, Proposals, native
from sknn6.search.results import Candidate, all_failed, results_table
from sknn6.search.space import present_params
from sknn6.warn import warn_user

__all__ = ["Run"]

# Packages whose errors are those of lost workers: joblib and its backends. Older releases of Dask raise the
# error of concurrent.futures for lost data.
ENGINES = {"joblib", "distributed", "ray", "concurrent"}


class Run:
    """One run of a search.

    Parameters
    ----------
    search : BayesSearchCV
        Its `cv` is a `SameSplits`.
    evaluate_candidates : callable
        The function that `BaseSearchCV` passes to `_run_search`.
    context : CallbackContext or None
        The context that `BaseSearchCV` passes to `_run_search`.
    callbacks : list of callable
        Called with scikit-optimize's result after each step; True ends the search.
    file : SearchFile
    n_rows : int
        Number of rows of all the data, for the values of the estimator's parameters that are "auto".
    frame : frame
        The frame of the call of `fit`, which tells whether the call is in a loop.

    Attributes
    ----------
    spaces : list of (Proposals, list of Candidate)
    """

    def __init__(self, search, evaluate_candidates, context, *, callbacks, file, n_rows, frame):
        self.settings, self.evaluate_candidates = search, evaluate_candidates
        self.callbacks, self.file, self.n_rows, self.frame = callbacks, file, n_rows, frame
        self.context, self.splits = context, search.cv
        self.results = self.failure = None
        self.spaces, self.sizes, self.beyond = [], [], []

    def search(self):
        """Evaluate candidates until all are done, a callback ends the search, or the user interrupts it."""
        settings = self.settings
        saved = self.file.load()
        if saved is None:
            seed = int(check_random_state(settings.random_state).randint(2**31 - 1))
            saved = {"seed": seed, "splits": None, "spaces": []}
        self.file.begin(saved)
        self.seed, self.known_splits = saved["seed"], saved["splits"]
        self.started = perf_counter()
        self.compose_spaces(saved["spaces"])
        self.n_loaded = len(self.candidates())
        if self.context:
            self.context = self.context.subcontext(task_name="search", max_subtasks=self.total)
            self.context.call_on_fit_task_begin(estimator=settings)
        try:
            for _, candidates in self.spaces:
                self.try_again_what_failed(candidates)
            for (proposals, candidates), size in zip(self.spaces, self.sizes, strict=True):
                if self.search_space(proposals, candidates, size):
                    break
            else:
                self.warn_of_small_spaces()
        except KeyboardInterrupt:
            if self.results is None or called_in_loop(self.frame):
                raise
            warn_user(
                f"The search was interrupted after {len(self.candidates())} of {self.total} candidates; it "
                "ends with the best of them."
            )
        if self.results is None:
            self.evaluate_one_again()
        if self.context:
            self.context.call_on_fit_task_end(estimator=settings)

    def compose_spaces(self, saved):
        """Create the spaces with their saved candidates; those beyond `n_iter` are kept only in the file."""
        settings = self.settings
        for index, (space, n_iter) in enumerate(settings._subspaces()):
            axes = {name: Axis.of(given) for name, given in space.items()}
            present = None if self.spaces else self.present_params(axes)
            proposals = Proposals(space, (self.seed, index), settings.optimizer_kwargs or {}, present)
            known = [  # older files have the scores as well
                Candidate(proposals.decode(point), point, row, score_of(row, settings.refit))
                for point, row, *_ in (saved[index] if index < len(saved) else [])
            ]
            self.spaces.append((proposals, known[:n_iter]))
            self.sizes.append(min(n_iter, proposals.size))
            self.beyond.append(known[n_iter:])

    def present_params(self, axes):
        """Return the estimator's own values of the parameters of a space, see `space.present_params`."""
        return present_params(self.settings.estimator, axes, self.n_rows)

    @property
    def total(self):
        """Number of candidates of the whole search."""
        return sum(self.sizes)

    def try_again_what_failed(self, candidates):
        """Evaluate again the candidates of the checkpoint that failed, for the cause may be gone."""
        failed = [i for i, candidate in enumerate(candidates) if candidate.row is None]
        n_points = self.settings.n_points
        for batch in (failed[i : i + n_points] for i in range(0, len(failed), n_points)):
            asked = [(candidates[i].params, candidates[i].point) for i in batch]
            again = self.evaluate(asked, "what failed before")
            for i, candidate in zip(batch, again, strict=True):
                candidates[i] = candidate
            self.save()

    def save(self):
        """Save all candidates to the file."""
        spaces = [
            [(list(map(native, c.point)), c.row) for c in own + beyond]
            for (_, own), beyond in zip(self.spaces, self.beyond, strict=True)
        ]
        self.file.save({"seed": self.seed, "splits": self.known_splits, "spaces": spaces})

    def search_space(self, proposals, candidates, size):
        """Evaluate up to `size` candidates of one space; return whether a callback ends the search."""
        while len(candidates) < size:
            points, scores = [c.point for c in candidates], [c.score for c in candidates]
            asked = proposals.ask(points, scores, min(self.settings.n_points, size - len(candidates)))
            candidates += self.evaluate(asked)
            self.save()
            self.report(candidates[-len(asked) :])
            if self.callbacks and self.ended_by_callback(proposals, candidates):
                return True
        return False

    def ended_by_callback(self, proposals, candidates):
        """Call the callbacks; return whether one ends the search, and warn, as that may be unintended."""
        result = proposals.result([c.point for c in candidates], [c.score for c in candidates])
        told = [(callback, callback(result)) for callback in self.callbacks]
        ending = [(callback, answer) for callback, answer in told if answer]
        for callback, answer in ending:
            if not isinstance(callback, EarlyStopper):
                warn_user(
                    f"The callback {callback!r} returned {answer!r}, which ends the search after "
                    f"{len(self.candidates())} of {self.total} candidates. Let it return None to go on."
                )
        return bool(ending)

    def warn_of_small_spaces(self):
        """Warn of spaces that have fewer points than `n_iter`."""
        for (proposals, _), (_, n_iter) in zip(self.spaces, self.settings._subspaces(), strict=True):
            if proposals.size < n_iter:
                warn_user(
                    f"The space of {list(proposals.axes)} has only {proposals.size} points, n_iter is "
                    f"{n_iter}: each was evaluated once, and the search ended."
                )

    def candidates(self):
        """Return the candidates of all spaces."""
        return [candidate for _, candidates in self.spaces for candidate in candidates]

    # Evaluation

    def evaluate(self, asked, task=None):
        """Evaluate proposals and return the candidates; `task` names them on a progress bar.

        A candidate whose parameters cannot be set has failed: with it, scikit-learn would end the search.
        """
        valid = [self.can_be_set(params) for params, _ in asked]
        chosen = [pair for pair, is_valid in zip(asked, valid, strict=True) if is_valid]
        evaluated = iter(self.evaluate_valid(chosen, task) if chosen else [])
        return [
            next(evaluated) if is_valid else Candidate(params, point, None, np.nan)
            for (params, point), is_valid in zip(asked, valid, strict=True)
        ]

    def can_be_set(self, params):
        """Return whether the estimator has these parameters; one that is a category may lack some."""
        try:
            clone(self.settings.estimator).set_params(**clone(params, safe=False))
        except Exception as error:
            if self.settings.error_score == "raise":
                raise
            self.failure = error
            return False
        return True

    def evaluate_valid(self, asked, task):
        """Evaluate proposals whose parameters can be set and return the candidates."""
        params = [params for params, _ in asked]
        try:
            with warnings.catch_warnings(), np.errstate(invalid="ignore"):
                # The search warns once, at its end.
                warnings.filterwarnings("ignore", message="One or more of the test scores are non-finite")
                # Some candidates of a space have too large a batch size, or a rate at which they do not
                # converge. The refit warns if the best candidate is one of them.
                warnings.filterwarnings("ignore", message=r"batch_size=\d+ is larger than")
                warnings.simplefilter("ignore", ConvergenceWarning)
                results = self.call_scikit_learn(params, task)
        except ValueError as error:
            if "fits failed" not in str(error):
                raise
            self.failure = error
            return [Candidate(params, point, None, np.nan) for params, point in asked]
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
            Candidate(params, point, None, np.nan)
            if all_failed(row, self.settings.error_score)
            else Candidate(params, point, row, score_of(row, self.settings.refit))
            for (params, point), row in zip(asked, rows, strict=True)
        ]

    def call_scikit_learn(self, params, task):
        """Evaluate the parameters on all splits, and once again if workers or their data were lost."""
        verbose, self.settings.verbose = self.settings.verbose, max(0, self.settings.verbose - 1)
        try:
            return self.call_with_context(params, task)
        except Exception as error:
            if not is_of_engine(error):
                raise
            warn_user(f"Workers failed ({type(error).__name__}); their candidates are evaluated once more.")
            # There is one context per candidate, and the first attempt used it.
            return self.evaluate_candidates(params)
        finally:
            self.settings.verbose = verbose

    def call_with_context(self, params, task):
        """Evaluate the parameters in a callback context of their own, if scikit-learn has contexts."""
        if not self.context:
            return self.evaluate_candidates(params)
        best = max((c.score for c in self.candidates() if np.isfinite(c.score)), default=None)
        so_far = "" if best is None else f", best so far {best:.4f}"
        context = self.context.subcontext(
            task_name=(task or f"candidate {len(self.candidates()) + 1} of {self.total}") + so_far,
            max_subtasks=len(params) * self.settings.n_splits_,
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self.settings)
        try:
            return self.evaluate_candidates(params, callback_ctx=context)
        finally:
            context.call_on_fit_task_end(estimator=self.settings)

    def check_metric(self):
        """Raise ValueError if there are several scores, and `refit` does not name the one to maximise."""
        names = [name.removeprefix("mean_test_") for name in self.results if name.startswith("mean_test_")]
        if len(names) > 1:
            self.settings._check_refit_for_multimetric(names)

    def check_splits(self):
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

    def evaluate_one_again(self):
        """Evaluate the last valid candidate again, for scikit-learn needs one evaluation in each fit."""
        for candidate in reversed(self.candidates()):
            if candidate.row is not None:
                self.evaluate([(candidate.params, candidate.point)], "a candidate once more")
            if self.results is not None:
                return
        raise ValueError(
            f"None of the {len(self.candidates())} candidates could be fitted. The last "
            f"failure: {self.failure}"
        )

    # Reports and warnings

    def report(self, new):
        """Print one line per new candidate."""
        if not self.settings.verbose:
            return
        done = len(self.candidates())
        elapsed = perf_counter() - self.started
        left = elapsed / max(done - self.n_loaded, 1) * (self.total - done)
        best = max((c.score for c in self.candidates() if np.isfinite(c.score)), default=np.nan)
        for i, candidate in enumerate(new, done - len(new) + 1):
            params = ", ".join(f"{name}={value!r}" for name, value in candidate.params.items())
            print(
                f"[{i}/{self.total}] score {candidate.score:.4f}, best {best:.4f}, {elapsed:.0f} s gone, "
                f"{left:.0f} s left: {params}",
                flush=True,
            )

    def warn(self):
        """Warn of candidates without a finite score, and of best values on the border of their range."""
        candidates = self.candidates()
        broken = sum(not np.isfinite(c.score) for c in candidates)
        if broken:
            why = (
                ""
                if self.failure is None
                else f" The last failure: {str(self.failure).strip().splitlines()[-1]}"
            )
            warn_user(f"{broken} of {len(candidates)} candidates failed or had no finite score.{why}")
        best = max(candidates, key=lambda c: c.score if np.isfinite(c.score) else -np.inf)
        for proposals, own in self.spaces:
            if np.isfinite(best.score) and any(candidate is best for candidate in own):
                # No warning for a value that the user set on the estimator.
                chosen = self.present_params(proposals.axes) or {}
                for name, axis in proposals.axes.items():
                    border = at_border(best.params[name], axis)
                    if border is not None and best.params[name] != chosen.get(name):
                        warn_user(
                            f"The best {name}, {best.params[name]!r}, lies on the border of its range, "
                            f"{axis.dimension}. Widen the range beyond {border}, if that makes sense."
                        )

    def write_results(self):
        """Replace scikit-learn's results by those of all candidates, from this run and the checkpoint."""
        self.results.clear()
        self.results.update(results_table(self.candidates(), self.settings.error_score))


def score_of(row, metric):
    """Return the score that the search maximises, from a row of results; NaN if there is none.

    `metric` is the name of one of several scores. It may have changed since a checkpoint was written.
    """
    means = {name: mean for name, mean in (row or {}).items() if name.startswith("mean_test_")}
    return float(*means.values()) if len(means) == 1 else means.get(f"mean_test_{metric}", np.nan)


def is_of_engine(error):
    """Return whether an error comes from joblib or its backend; errors of fits are caught by scikit-learn."""
    return any(kind.__module__.partition(".")[0] in ENGINES for kind in type(error).__mro__)
