"""The course of a search: propose, evaluate, take down, and what a user is told of it."""

import warnings
from numbers import Number
from time import perf_counter
from typing import NamedTuple

import joblib
import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from skopt.callbacks import EarlyStopper
from skopt.space import Integer

from sknn6.loops import called_in_loop
from sknn6.search.proposals import Proposals, native
from sknn6.search.space import present_params
from sknn6.warn import warn_user

__all__ = ["Run", "SameSplits"]

# joblib and what it runs on. Older releases of Dask raise concurrent.futures' error for lost data.
ENGINES = {"joblib", "distributed", "ray", "concurrent"}


class Candidate(NamedTuple):
    """A candidate and what came of it; if all its fits failed, it has no row of results and NaN as score."""

    params: dict
    point: list | None
    row: dict | None
    score: float


class SameSplits:
    """A cross-validator that splits once, so that all candidates are scored on the same folds."""

    def __init__(self, cv):
        self.cv, self.splits = cv, None

    def split(self, X, y=None, **params):
        """Return the splits of the first call."""
        if self.splits is None:
            self.splits = list(self.cv.split(X, y, **params))
        return self.splits

    def __getattr__(self, name):
        """Be like the cross-validator otherwise."""
        if name == "cv":  # not there yet, in a copy
            raise AttributeError(name)
        return getattr(self.cv, name)

    def __getstate__(self):
        """Leave out the splits, which may be large; workers get what they need of them."""
        return {"cv": self.cv, "splits": None}


class Run:
    """One run of a search.

    Parameters
    ----------
    search : BayesSearchCV
        Its `cv` is a `SameSplits`.
    evaluate_candidates : callable
        As `BaseSearchCV` gives it to `_run_search`.
    context : CallbackContext or None
        Likewise.
    callbacks : list of callable
        Called with scikit-optimize's result after each step; True ends the search.
    file : SearchFile
    frame : frame
        That of the call of `fit`.

    Attributes
    ----------
    spaces : list of (Proposals, list of Candidate)
    """

    def __init__(self, search, evaluate_candidates, context, *, callbacks, file, frame):
        self.settings, self.evaluate_candidates = search, evaluate_candidates
        self.callbacks, self.file, self.frame = callbacks, file, frame
        self.context, self.splits = context, search.cv
        self.results = self.metric = self.failure = None
        self.spaces, self.sizes, self.beyond = [], [], []

    def search(self):
        """Evaluate candidates until all have been, a callback says to stop, or the user interrupts."""
        settings = self.settings
        saved = self.file.load()
        if saved is None:
            seed = int(check_random_state(settings.random_state).randint(2**31 - 1))
            saved = {"seed": seed, "splits": None, "spaces": []}
        self.file.begin(saved)
        self.seed, self.known_splits = saved["seed"], saved["splits"]
        self.started = perf_counter()
        self.n_loaded = sum(map(len, saved["spaces"]))
        self.compose_spaces(saved["spaces"])
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
        """Compose the spaces, with the candidates that were saved: those beyond `n_iter` only stay saved."""
        settings = self.settings
        for index, (space, n_iter) in enumerate(settings._subspaces()):
            present = None if self.spaces else present_params(settings.estimator, space)
            proposals = Proposals(space, (self.seed, index), settings.optimizer_kwargs or {}, present)
            known = [
                Candidate(proposals.decode(point), point, row, score)
                for point, row, score in (saved[index] if index < len(saved) else [])
            ]
            self.spaces.append((proposals, known[:n_iter]))
            self.sizes.append(min(n_iter, proposals.size))
            self.beyond.append(known[n_iter:])

    @property
    def total(self):
        """Candidates that there will be."""
        return sum(self.sizes)

    def try_again_what_failed(self, candidates):
        """Evaluate those that failed before the search was taken up again: the cause may be mended."""
        failed = [i for i, candidate in enumerate(candidates) if candidate.row is None]
        n_points = self.settings.n_points
        for batch in (failed[i : i + n_points] for i in range(0, len(failed), n_points)):
            asked = [(candidates[i].params, candidates[i].point) for i in batch]
            again = self.evaluate(asked, "what failed before")
            for i, candidate in zip(batch, again, strict=True):
                candidates[i] = candidate
            self.save()

    def save(self):
        """Save what is known."""
        spaces = [
            [(list(map(native, c.point)), c.row, c.score) for c in own + beyond]
            for (_, own), beyond in zip(self.spaces, self.beyond, strict=True)
        ]
        self.file.save({"seed": self.seed, "splits": self.known_splits, "spaces": spaces})

    def search_space(self, proposals, candidates, size):
        """Evaluate that many candidates of one space; tell whether a callback ends the search."""
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
        """Call the callbacks; tell whether one of them ends the search, which a user may not intend."""
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
        """Tell of spaces that have fewer points than candidates were asked for."""
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
        """Score some proposals; give candidates. The task's name, for a progress bar, counts them if None."""
        params = [params for params, _ in asked]
        try:
            with warnings.catch_warnings(), np.errstate(invalid="ignore"):
                # Told once, at the end.
                warnings.filterwarnings("ignore", message="One or more of the test scores are non-finite")
                # A matter of course in a space of batch sizes, and of rates too high or low to converge:
                # what the best of them still lacks, the refit tells.
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
        if self.metric is None:
            self.metric = self.find_metric()
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
            else Candidate(params, point, row, float(row[f"mean_test_{self.metric}"]))
            for (params, point), row in zip(asked, rows, strict=True)
        ]

    def call_scikit_learn(self, params, task):
        """Evaluate the parameters on all splits, a second time if workers are lost, or the data they hold."""
        verbose, self.settings.verbose = self.settings.verbose, max(0, self.settings.verbose - 1)
        try:
            return self.call_with_context(params, task)
        except Exception as error:
            if not is_of_engine(error):
                raise
            warn_user(f"Workers failed ({type(error).__name__}); their candidates are evaluated once more.")
            # Without a context, for there is one a candidate.
            return self.evaluate_candidates(params)
        finally:
            self.settings.verbose = verbose

    def call_with_context(self, params, task):
        """Evaluate, in a context of the candidate's own where scikit-learn has contexts."""
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

    def find_metric(self):
        """Return the name of the score that guides the search."""
        names = [name.removeprefix("mean_test_") for name in self.results if name.startswith("mean_test_")]
        if len(names) > 1:
            self.settings._check_refit_for_multimetric(names)
            return self.settings.refit
        return names[0]

    def check_splits(self):
        """Take down which splits there are; raise if those of the checkpoint were others."""
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
        """Evaluate the last candidate that could be: scikit-learn wants to have evaluated something."""
        for candidate in reversed(self.candidates()):
            if candidate.row is not None:
                self.evaluate([(candidate.params, candidate.point)], "a candidate once more")
            if self.results is not None:
                return
        raise ValueError(
            f"None of the {len(self.candidates())} candidates could be fitted. The last "
            f"failure: {self.failure}"
        )

    # What is told

    def report(self, new):
        """Print a line a candidate."""
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
        """Tell of candidates without a finite score, and of a best value at the border of its range."""
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
                # The user chose the estimator's own values, wherever in the range they lie.
                chosen = present_params(self.settings.estimator, proposals.axes) or {}
                for name, axis in proposals.axes.items():
                    border = at_border(best.params[name], axis)
                    if border is not None and best.params[name] != chosen.get(name):
                        warn_user(
                            f"The best {name}, {best.params[name]!r}, lies on the border of its range, "
                            f"{axis.dimension}. Widen the range beyond {border}, if that makes sense."
                        )

    def write_results(self):
        """Make scikit-learn's results those of all candidates: evaluated here or before, failed or not."""
        candidates = self.candidates()
        evaluated = [candidate.row for candidate in candidates if candidate.row is not None]
        missing = dict.fromkeys(evaluated[0], np.nan)
        for name in missing:
            if "_test_" in name or "_train_" in name:
                missing[name] = self.settings.error_score * (not name.startswith("std_"))
        rows = [missing if candidate.row is None else candidate.row for candidate in candidates]
        columns = {name: np.array([row[name] for row in rows], dtype=float) for name in missing}
        params = [candidate.params for candidate in candidates]
        columns |= {"params": params} | masked_columns(params)
        failed = np.array([candidate.row is None for candidate in candidates])
        for name in list(columns):
            if name.startswith(("mean_test_", "mean_train_")):
                columns[name.replace("mean", "rank", 1)] = ranks(columns[name], failed)
        columns["failed"] = failed
        self.results.clear()
        self.results.update(columns)


def is_of_engine(error):
    """Return whether an error is of what runs the fits: what fits raise, scikit-learn catches."""
    return any(kind.__module__.partition(".")[0] in ENGINES for kind in type(error).__mro__)


def all_failed(row, error_score):
    """Return whether all fits of a row of results failed: scikit-learn then spends no time on scores."""
    scores = [row[name] for name in row if name.startswith("split") and "_test_" in name]
    return row["mean_score_time"] == 0 and np.array_equal(scores, [error_score] * len(scores), equal_nan=True)


def ranks(scores, failed):
    """Return the rank of each score, 1 for the best; not finite scores come after it, failed ones last."""
    scores = np.where(np.isfinite(scores), scores, np.finfo(float).min)
    return rankdata(-np.where(failed, -np.inf, scores), method="min").astype(np.int32)


def masked_columns(params):
    """Return a masked array for each parameter, masked where a candidate lacks it, as scikit-learn does."""
    columns = {}
    for i, of_candidate in enumerate(params):
        for name, value in of_candidate.items():
            column = columns.setdefault(f"param_{name}", np.ma.masked_all(len(params), dtype=object))
            column[i] = value
    return columns


def at_border(value, axis):
    """Return the border that a value lies on, within a hundredth of the range; None if none could be crossed.

    A lower border of 0, or of 1 for integers, is the end of what makes sense; so is an upper border of 1.0,
    that of shares, if the prior is not logarithmic.
    """
    dimension = axis.dimension
    if axis.categories is not None or not isinstance(value, Number) or axis.encode(value) != value:
        return None
    low, high, value = (float(number) for number in (dimension.low, dimension.high, value))
    if dimension.prior == "log-uniform":
        position = np.log(value / low) / np.log(high / low)
    else:
        position = (value - low) / (high - low)
    is_integer = isinstance(dimension, Integer)
    if position <= 0.01 and not (low == 0 or (low == 1 and is_integer)):
        return dimension.low
    is_share = high == 1 and not is_integer and dimension.prior != "log-uniform"
    return dimension.high if position >= 0.99 and not is_share else None
