"""The search of one of the spaces of a search."""

from dataclasses import dataclass
from typing import Any

from sknn6.search.proposals import Proposal, Proposals, native
from sknn6.search.results import Candidate

__all__ = ["Subsearch"]


@dataclass
class Subsearch:
    """The search of one space.

    Attributes
    ----------
    proposals : Proposals
    n_iter : int
        Number of candidates that the user asks for.
    candidates : list of Candidate
        Those so far.
    beyond : list of Candidate
        Those of a checkpoint that are more than `n_iter`, which are kept only in the file.
    """

    proposals: Proposals
    n_iter: int
    candidates: list[Candidate]
    beyond: list[Candidate]

    @property
    def size(self) -> int:
        """Number of candidates at the end: the space may have fewer points than `n_iter`."""
        return int(min(self.n_iter, self.proposals.size))

    @property
    def left(self) -> int:
        """Number of candidates that are still to be evaluated."""
        return self.size - len(self.candidates)

    def ask(self, n_points: int) -> list[Proposal]:
        """Return the next proposals, at most `n_points`."""
        return self.proposals.ask(*self.known(), n_points, self.left)

    def result(self) -> Any:
        """Return the candidates as the result object of `skopt`."""
        return self.proposals.result(*self.known())

    def known(self) -> tuple[list[list[Any]], list[float]]:
        """Return the points of the candidates and their scores."""
        points = [candidate.proposal.point for candidate in self.candidates]
        return points, [candidate.score for candidate in self.candidates]

    def state(self) -> list[tuple[list[Any], dict[str, float] | None]]:
        """Return what the file has of the candidates: the point and the row of results of each."""
        return [
            (list(map(native, candidate.proposal.point)), candidate.row)
            for candidate in self.candidates + self.beyond
        ]

    def size_message(self) -> str | None:
        """Return the text of a warning if the space has fewer points than `n_iter`."""
        if self.size == self.n_iter:
            return None
        return (
            f"The space of {list(self.proposals.axes)} has only {self.size} points, n_iter is "
            f"{self.n_iter}: each was evaluated once, and the search ended."
        )
