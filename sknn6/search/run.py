"""The course of a search: propose candidates, have them evaluated, save them, and report to the user."""

from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from types import FrameType
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from skopt.callbacks import EarlyStopper

from sknn6.loops import called_in_loop
from sknn6.search.borders import at_border
from sknn6.search.evaluation import Evaluator, score_of
from sknn6.search.proposals import Axis, Proposal, Proposals
from sknn6.search.results import Candidate, results_table
from sknn6.search.resuming import SearchFile
from sknn6.search.space import present_params
from sknn6.search.subsearch import Subsearch
from sknn6.warn import warn_user

__all__ = ["Run"]


class Run:
    """One run of a search.

    Parameters
    ----------
    search_cv : BayesSearchCV
    callbacks : list of callable
        Called with scikit-optimize's result after each step; True ends the search.
    file : SearchFile
    n_rows : int
        Number of rows of all the data, for the values of the estimator's parameters that are "auto".
    frame : frame
        The frame of the call of `fit`, which tells whether the call is in a loop.

    Attributes
    ----------
    subsearches : list of Subsearch
        One for each space.
    ended : bool
        Whether the search has ended and its results are stored, so that only the refit is left.
    workers : ExitStack
        The context of the workers of scikit-learn's loop over the fits.
    seed : int
        The seed of the proposals.
    started : float
        When the search began, in seconds.
    n_loaded : int
        Number of candidates that the file had then.
    evaluator : Evaluator
    """

    # Set by `search`.
    seed: int
    started: float
    n_loaded: int
    evaluator: Evaluator

    def __init__(
        self,
        search_cv: Any,
        *,
        callbacks: list[Callable[..., Any]],
        file: SearchFile,
        n_rows: int,
        frame: FrameType,
    ) -> None:
        self.search_cv, self.callbacks, self.file = search_cv, callbacks, file
        self.n_rows, self.frame = n_rows, frame
        self.ended, self.workers = False, ExitStack()
        self.subsearches: list[Subsearch] = []
        self.messages: list[str] = []

    def search(self, evaluate_candidates: Callable[..., dict[str, Any]], context: Any) -> None:
        """Evaluate candidates until all are done, a callback ends the search, or the user interrupts it.

        Parameters
        ----------
        evaluate_candidates : callable
        context : CallbackContext or None
            What `BaseSearchCV` passes to `_run_search`.
        """
        search_cv = self.search_cv
        saved = self.file.load()
        if saved is None:
            seed = int(check_random_state(search_cv.random_state).randint(2**31 - 1))
            saved = {"seed": seed, "splits": None, "spaces": []}
        self.file.begin(saved)
        self.seed, self.started = saved["seed"], perf_counter()
        self.compose(saved["spaces"])
        self.n_loaded = len(self.candidates())
        if context:
            context = context.subcontext(task_name="search", max_subtasks=self.total)
            context.call_on_fit_task_begin(estimator=search_cv)
        self.evaluator = Evaluator(search_cv, evaluate_candidates, context, saved["splits"])
        try:
            for subsearch in self.subsearches:
                self.retry_failed(subsearch.candidates)
            for subsearch in self.subsearches:
                if self.run_space(subsearch):
                    break
            else:
                self.messages += [found for each in self.subsearches if (found := each.size_message())]
        except KeyboardInterrupt:
            if not self.evaluator.results or called_in_loop(self.frame):
                raise
            self.messages.append(
                f"The search was interrupted after {len(self.candidates())} of {self.total} candidates; it "
                "ends with the best of them."
            )
        if not self.evaluator.results:
            self.evaluate_one_again()
        if context:
            context.call_on_fit_task_end(estimator=search_cv)
        self.write_results()

    def compose(self, saved: list[Any]) -> None:
        """Create the searches of the spaces, with their saved candidates."""
        search_cv = self.search_cv
        for index, (space, n_iter) in enumerate(search_cv._subspaces()):
            axes = {name: Axis.of(given) for name, given in space.items()}
            present = None if self.subsearches else self.present_params(axes)
            proposals = Proposals(space, (self.seed, index), search_cv.optimizer_kwargs or {}, present)
            known = [  # older files have the scores as well
                Candidate(proposals.proposal(point), row, score_of(row, search_cv.refit))
                for point, row, *_ in (saved[index] if index < len(saved) else [])
            ]
            self.subsearches.append(Subsearch(proposals, n_iter, known[:n_iter], known[n_iter:]))

    def present_params(self, axes: dict[str, Axis]) -> dict[str, Any] | None:
        """Return the estimator's own values of the parameters of a space, see `space.present_params`."""
        return present_params(self.search_cv.estimator, axes, self.n_rows)

    @property
    def total(self) -> int:
        """Number of candidates of the whole search."""
        return sum(subsearch.size for subsearch in self.subsearches)

    def retry_failed(self, candidates: list[Candidate]) -> None:
        """Evaluate again the candidates of the checkpoint that failed, for the cause may be gone."""
        failed = [i for i, candidate in enumerate(candidates) if candidate.row is None]
        n_points = self.search_cv.n_points
        for batch in (failed[i : i + n_points] for i in range(0, len(failed), n_points)):
            asked = [candidates[i].proposal for i in batch]
            again = self.evaluate(asked, "what failed before")
            for i, candidate in zip(batch, again, strict=True):
                candidates[i] = candidate
            self.save()

    def save(self) -> None:
        """Save all candidates to the file."""
        spaces = [subsearch.state() for subsearch in self.subsearches]
        self.file.save({"seed": self.seed, "splits": self.evaluator.known_splits, "spaces": spaces})

    def run_space(self, subsearch: Subsearch) -> bool:
        """Evaluate what is left of one space; return whether a callback ends the search."""
        while subsearch.left > 0:
            new = self.evaluate(subsearch.ask(self.search_cv.n_points))
            subsearch.candidates += new
            self.save()
            self.report(new)
            if self.callbacks and self.ended_by_callback(subsearch.result()):
                return True
        return False

    def ended_by_callback(self, result: Any) -> bool:
        """Call the callbacks; return whether one ends the search, and note it, as it may be unintended."""
        told = [(callback, callback(result)) for callback in self.callbacks]
        ending = [(callback, answer) for callback, answer in told if answer]
        for callback, answer in ending:
            if not isinstance(callback, EarlyStopper):
                self.messages.append(
                    f"The callback {callback!r} returned {answer!r}, which ends the search after "
                    f"{len(self.candidates())} of {self.total} candidates. Let it return None to go on."
                )
        return bool(ending)

    def candidates(self) -> list[Candidate]:
        """Return the candidates of all spaces."""
        return [candidate for subsearch in self.subsearches for candidate in subsearch.candidates]

    def evaluate(self, asked: list[Proposal], task: str | None = None) -> list[Candidate]:
        """Evaluate proposals and return the candidates; `task` names them on a progress bar."""
        task = task or f"candidate {len(self.candidates()) + 1} of {self.total}"
        best = max((c.score for c in self.candidates() if np.isfinite(c.score)), default=None)
        so_far = "" if best is None else f", best so far {best:.4f}"
        return self.evaluator.evaluate(asked, task + so_far)

    def evaluate_one_again(self) -> None:
        """Evaluate the last valid candidate again, because scikit-learn needs an evaluation in each fit."""
        for candidate in reversed(self.candidates()):
            if candidate.row is not None:
                self.evaluate([candidate.proposal], "a candidate once more")
            if self.evaluator.results:
                return
        raise ValueError(
            f"None of the {len(self.candidates())} candidates could be fitted. The last "
            f"failure: {self.evaluator.failure}"
        )

    def report(self, new: list[Candidate]) -> None:
        """Print one line per new candidate."""
        if not self.search_cv.verbose:
            return
        done = len(self.candidates())
        elapsed = perf_counter() - self.started
        left = elapsed / max(done - self.n_loaded, 1) * (self.total - done)
        best = max((c.score for c in self.candidates() if np.isfinite(c.score)), default=np.nan)
        for i, candidate in enumerate(new, done - len(new) + 1):
            params = ", ".join(f"{name}={value!r}" for name, value in candidate.proposal.params.items())
            print(
                f"[{i}/{self.total}] score {candidate.score:.4f}, best {best:.4f}, {elapsed:.0f} s gone, "
                f"{left:.0f} s left: {params}",
                flush=True,
            )

    def warn(self) -> None:
        """Warn of what happened, of candidates without a finite score, and of best values on a border.

        This comes last, so that nothing is lost if the user has made errors of warnings.
        """
        for message in self.messages:
            warn_user(message)
        candidates = self.candidates()
        broken = sum(not np.isfinite(c.score) for c in candidates)
        if broken:
            why = (
                ""
                if self.evaluator.failure is None
                else f" The last failure: {str(self.evaluator.failure).strip().splitlines()[-1]}"
            )
            warn_user(f"{broken} of {len(candidates)} candidates failed or had no finite score.{why}")
        best = max(candidates, key=lambda c: c.score if np.isfinite(c.score) else -np.inf)
        for subsearch in self.subsearches:
            if np.isfinite(best.score) and any(candidate is best for candidate in subsearch.candidates):
                axes = subsearch.proposals.axes
                # No warning for a value that the user set on the estimator.
                chosen = self.present_params(axes) or {}
                for name, axis in axes.items():
                    value = best.proposal.params[name]
                    border = at_border(value, axis)
                    if border is not None and value != chosen.get(name):
                        warn_user(
                            f"The best {name}, {value!r}, lies on the border of its range, "
                            f"{axis.dimension}. Widen the range beyond {border}, if that makes sense."
                        )

    def write_results(self) -> None:
        """Replace scikit-learn's results by those of all candidates, from this run and the checkpoint."""
        self.evaluator.results.clear()
        self.evaluator.results.update(results_table(self.candidates(), self.search_cv.error_score))
