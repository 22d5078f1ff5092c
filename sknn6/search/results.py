"""The results of a search: its candidates, and the table of them that becomes `cv_results_`."""

from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sknn6.search.proposals import Proposal

__all__ = ["Candidate", "all_failed", "results_table"]


class Candidate(NamedTuple):
    """A proposal with its row of results and its score, which it lacks if all of its fits failed."""

    proposal: Proposal
    row: dict[str, float] | None = None
    score: float = np.nan


def results_table(candidates: list[Candidate], error_score: Any) -> dict[str, Any]:
    """Return the columns of `cv_results_`, as scikit-learn has them, for all candidates, failed ones too."""
    evaluated = [candidate.row for candidate in candidates if candidate.row is not None]
    missing = dict.fromkeys(evaluated[0], np.nan)
    for name in missing:
        if "_test_" in name or "_train_" in name:
            missing[name] = 0 * error_score if name.startswith("std_") else error_score  # NaN stays NaN
    rows = [missing if candidate.row is None else candidate.row for candidate in candidates]
    columns = {name: np.array([row[name] for row in rows], dtype=float) for name in missing}
    params = [candidate.proposal.params for candidate in candidates]
    columns |= {"params": params} | masked_columns(params)
    failed = np.array([candidate.row is None for candidate in candidates])
    for name in list(columns):
        if name.startswith(("mean_test_", "mean_train_")):
            columns[name.replace("mean", "rank", 1)] = ranks(columns[name], failed)
    columns["failed"] = failed
    return columns


def all_failed(row: dict[str, float], error_score: Any) -> bool:
    """Return whether all fits of a candidate failed, given its row of results.

    Then all scores are the error score, and scikit-learn spent no time on scoring.
    """
    scores = [row[name] for name in row if name.startswith("split") and "_test_" in name]
    return row["mean_score_time"] == 0 and np.array_equal(scores, [error_score] * len(scores), equal_nan=True)


def ranks(scores: NDArray[np.float64], failed: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the rank of each score, 1 for the best; non-finite scores come late, failures last."""
    scores = np.where(np.isfinite(scores), scores, np.finfo(float).min)
    return rankdata(-np.where(failed, -np.inf, scores), method="min").astype(np.int32)


def masked_columns(params: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a masked array per parameter, masked where a candidate does not have it, as in scikit-learn."""
    names = dict.fromkeys(name for of_candidate in params for name in of_candidate)
    columns = {}
    for name in names:
        values = [of_candidate[name] for of_candidate in params if name in of_candidate]
        column = np.ma.masked_array(np.empty(len(params), dtype_of(values)), mask=True)
        columns[f"param_{name}"] = column
        for i, of_candidate in enumerate(params):
            if name in of_candidate:
                column[i] = of_candidate[name]
    return columns


def dtype_of(values: list[Any]) -> np.dtype[Any]:
    """Return the dtype of numbers and truth values; that of other objects is object."""
    plain = all(isinstance(value, Number | np.bool_) for value in values)
    return np.array(values).dtype if plain else np.dtype(object)
