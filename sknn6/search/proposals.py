"""Propose candidates: first an initial design, then those of scikit-optimize's optimizer."""

import copy
import itertools
import math
import sys
import warnings
from collections.abc import Sequence
from inspect import signature
from numbers import Integral, Number, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from skopt import Optimizer
from skopt.space import Categorical, Integer, Space
from skopt.space.space import Dimension, check_dimension

from sknn6.threads import products_share_cores

__all__ = ["Axis", "Proposal", "Proposals", "bounded_losses", "native"]

# Two models of the scores alternate. A Gaussian process is far better on smooth functions of few parameters,
# extremely randomised trees on the scores of networks, which have categories and cliffs. The time of the
# process grows with the cube of the number of points, so that beyond GP_UP_TO points only the trees are used.
MODELS = "GP", "ET"
GP_UP_TO = 50
DEFAULTS: dict[str, Any] = {
    "acq_func": "EI",
    "acq_optimizer": "sampling",
    "acq_optimizer_kwargs": {"n_points": 2000},
}
N_INITIAL_POINTS = 5
SET_BY_SEARCH = {"dimensions", "random_state"}  # arguments of the optimizer that a user cannot choose
DRAWN = 100  # random points, among which one is looked for that has not been proposed
LISTED = 10_000  # in a space of at most this many points, the remaining ones are listed
PRIORS = {"uniform", "log-uniform"}
SKOPT_TYPES = str, Number, np.generic  # types of categories that `skopt` accepts


class Axis(NamedTuple):
    """One axis of a space: a dimension of numbers, or of positions among categories.

    The categories may be any objects; scikit-optimize itself accepts only strings and numbers.
    """

    dimension: Dimension
    categories: tuple[Any, ...] | None

    @classmethod
    def of(cls, given: Any) -> Self:
        """Create an axis from anything that `skopt` accepts as a dimension, or from a list of any objects.

        A list of two numbers is a list of categories, not a range, and a range with an unknown prior is an
        error. Later releases of skopt will do the same.
        """
        prior = None
        if isinstance(given, tuple) and len(given) == 3 and isinstance(given[2], str):
            low, high, name = given
            if isinstance(low, Number) and isinstance(high, Number) and name not in PRIORS:
                raise ValueError(f"The prior of a range must be one of {sorted(PRIORS)}, got {name!r}.")
        if isinstance(given, np.ndarray):
            given = given.tolist()
        if isinstance(given, list) and not given:
            raise ValueError("A list of categories must not be empty.")
        if not isinstance(given, list):
            dimension = copy.deepcopy(check_dimension(given))
            if not isinstance(dimension, Categorical):
                return cls(dimension, None)
            given, prior = dimension.categories, dimension.prior
        return cls(Categorical(range(len(given)), prior=prior), tuple(given))

    @property
    def size(self) -> float:
        """Number of coordinates on the axis, inf for floats."""
        is_finite = self.categories is not None or isinstance(self.dimension, Integer)
        return len(self.values) if is_finite else math.inf

    @property
    def values(self) -> range:
        """The coordinates on an axis of categories or integers."""
        if self.categories is not None:
            return range(len(self.categories))
        return range(self.dimension.low, self.dimension.high + 1)

    def encode(self, value: Any) -> Any:
        """Return the coordinate nearest to a number, or the position of a category; None if there is none.

        On an axis of integers, a number of type float has none: 1.0 may mean another thing than 1, such as
        all features.
        """
        if self.categories is not None:
            return position(value, self.categories)
        value = native(value)
        kind = Integral if isinstance(self.dimension, Integer) else Real
        if isinstance(value, bool) or not isinstance(value, kind) or value != value:
            return None
        return min(max(value, self.dimension.low), self.dimension.high)

    def decode(self, value: Any) -> Any:
        """Return the value of a coordinate, NumPy scalars as Python's types."""
        return native(value if self.categories is None else self.categories[value])

    def ends(self) -> list[Any]:
        """Return the smallest and the largest value, or all categories."""
        if self.categories is not None:
            return list(map(native, self.categories))
        return [native(self.dimension.low), native(self.dimension.high)]

    def drawable(self, name: str) -> "Axis":
        """Return a copy with a name and with categories that `skopt.plots` can encode.

        Strings and numbers stay as they are; other objects are replaced by their text.
        """
        dimension = copy.deepcopy(self.dimension)
        shown: tuple[Any, ...] | None = None
        if self.categories is not None:
            shown = tuple(native(v) if isinstance(v, SKOPT_TYPES) else str(v) for v in self.categories)
            if len(set(shown)) < len(shown):  # True, 1 and 1.0 are equal
                shown = tuple(f"{value!r} ({i})" for i, value in enumerate(self.categories))
            dimension = Categorical(shown, prior=dimension.prior)
        dimension.name = name
        return Axis(dimension, shown)

    def describe(self) -> tuple[Any, ...]:
        """Return a description that does not change when scikit-optimize modifies the dimension."""
        if self.categories is not None:
            return self.categories, self.dimension.prior
        return type(self.dimension).__name__, self.dimension.low, self.dimension.high, self.dimension.prior


class Proposal(NamedTuple):
    """The parameters of a candidate, and the point of the space that encodes them."""

    params: dict[str, Any]
    point: list[Any]


class Proposals:
    """Proposals for one space.

    A proposal depends only on the seed and the evaluated points, so that a resumed search makes the same
    ones.

    Parameters
    ----------
    space : dict of str to dimension
        A space as for `skopt.BayesSearchCV`, which is copied. The categories may be any objects.
    seed : sequence of int
    options : dict
        Arguments of `skopt.Optimizer`. A "space_constraint" gets the values of the parameters, in the order
        of their names.
    present : dict or None
        Parameters whose nearest point in the space is proposed first.

    Attributes
    ----------
    size : int or inf
        Number of points of the space. No point is proposed twice, unless a constraint allows hardly any
        other. In a space of more than `LISTED` points, those that a constraint forbids are counted too.

    Raises
    ------
    ValueError
        If the options are not arguments of `skopt.Optimizer`, or the constraint allows no point of a space of
        up to `LISTED` points.
    """

    def __init__(
        self,
        space: dict[str, Any],
        seed: Sequence[int],
        options: dict[str, Any],
        present: dict[str, Any] | None = None,
    ) -> None:
        self.axes = {name: Axis.of(space[name]) for name in sorted(space)}
        options = optimizer_options(options)
        n_initial = options.pop("n_initial_points", N_INITIAL_POINTS)
        generator = options.pop("initial_point_generator", "lhs")
        self.constraint = options.pop("space_constraint", None)
        self.options, self.seed = options, list(seed)
        sizes = [axis.size for axis in self.axes.values()]
        self.size = math.inf if math.inf in sizes else math.prod(sizes)
        if self.size <= LISTED:
            self.size = len(self.points())
            if not self.size:
                raise ValueError(f"space_constraint must allow a point of the space of {list(self.axes)}.")
        for step in range(len(MODELS)):  # wrong options are refused before anything is evaluated
            self._optimizer(step)
        first = None if present is None else self.encode(present)
        self.initial = [] if first is None or not self.allows(first) else [first]
        n_drawn = max(n_initial, 1) - len(self.initial)
        if n_drawn:
            drawing = self._optimizer(0, n_initial_points=n_drawn, initial_point_generator=generator)
        for _ in range(int(min(n_drawn, self.size - len(self.initial)))):
            point = self._unlike(self.initial, drawing.ask())
            drawing.tell(point, 0.0, fit=False)
            self.initial.append(point)

    @products_share_cores()
    def ask(
        self, points: list[list[Any]], scores: list[float], n_points: int, most: int = sys.maxsize
    ) -> list[Proposal]:
        """Return proposals, given what is known of the points so far.

        After the initial points, the proposals come in groups of `n_points`, which depend only on the scores
        of the groups before. If points of a group were proposed before, the rest of it is returned.

        Parameters
        ----------
        points : list
            The points proposed so far.
        scores : list of float
            Their scores, the higher the better; not finite for failures.
        n_points : int
            Number of points in a group.
        most : int
            Largest number of proposals, at most the number of points that are left.

        Returns
        -------
        list of Proposal
        """
        if len(points) < len(self.initial):
            return list(map(self.proposal, self.initial[len(points) :][: min(n_points, most)]))
        begun = (len(points) - len(self.initial)) % n_points
        known, group = list(points[: len(points) - begun]), list(points[len(points) - begun :])
        optimizer = self._optimizer(len(known), n_initial_points=0)
        losses = bounded_losses(scores[: len(known)])
        with warnings.catch_warnings():
            # The optimizer warns of points that were evaluated before; they are replaced here.
            warnings.simplefilter("ignore")
            optimizer.tell(known, losses)
            for i in range(min(n_points, begun + most)):
                if i > 0:
                    # A constant liar: the point counts as evaluated, so that the next one differs from it.
                    optimizer.tell(group[i - 1], min(losses))
                proposal = optimizer.ask()
                if i >= begun:
                    group.append(self._unlike([*known, *group], proposal))
        return list(map(self.proposal, group[begun:]))

    def result(self, points: list[list[Any]], scores: list[float]) -> Any:
        """Return the candidates as the result object of `skopt`, for callbacks and `skopt.plots`."""
        optimizer = self._optimizer(0, n_initial_points=len(points) + 1)
        optimizer.tell(list(points), bounded_losses(scores), fit=False)
        result = optimizer.get_result()
        axes = [axis.drawable(name) for name, axis in self.axes.items()]
        result.space = Space([axis.dimension for axis in axes])
        *result.x_iters, result.x = (
            [axis.decode(value) for axis, value in zip(axes, point, strict=True)]
            for point in [*result.x_iters, result.x]
        )
        return result

    def encode(self, params: dict[str, Any]) -> list[Any] | None:
        """Return the point nearest to the parameters, or None if one of them cannot be encoded."""
        point = [axis.encode(params[name]) for name, axis in self.axes.items()]
        return None if None in point else point

    def decode(self, point: Sequence[Any]) -> dict[str, Any]:
        """Return the parameters that a point encodes."""
        return {
            name: axis.decode(value) for (name, axis), value in zip(self.axes.items(), point, strict=True)
        }

    def proposal(self, point: list[Any]) -> Proposal:
        """Return the proposal of a point."""
        return Proposal(self.decode(point), point)

    def allows(self, point: Sequence[Any]) -> bool:
        """Return whether the user's constraint allows a point."""
        return self.constraint is None or bool(self.constraint(list(self.decode(point).values())))

    def points(self) -> list[tuple[Any, ...]]:
        """Return the points of a small space that are allowed."""
        points = itertools.product(*(axis.values for axis in self.axes.values()))
        return [point for point in points if self.allows(point)]

    def _unlike(self, points: list[list[Any]], point: list[Any]) -> list[Any]:
        """Return the point if it is allowed and new, else a random point that is both allowed and new.

        A point is new if it is not among `points`.
        """
        known = set(map(tuple, points))
        if tuple(point) not in known and self.allows(point):
            return point
        rng = np.random.RandomState([*self.seed, len(points)])
        if self.size <= LISTED:
            left = [other for other in self.points() if other not in known]
            return list(left[rng.randint(len(left))])
        dimensions = [copy.deepcopy(axis.dimension) for axis in self.axes.values()]
        space = Space(dimensions, constraint=self.allows)
        drawn = space.rvs(DRAWN, random_state=rng)
        return next((other for other in drawn if tuple(other) not in known), drawn[0])

    def _optimizer(self, step: int, **options: Any) -> Any:
        """Create an optimizer with copies of the dimensions, because it modifies them."""
        dimensions = [copy.deepcopy(axis.dimension) for axis in self.axes.values()]
        for name, dimension in zip(self.axes, dimensions, strict=True):
            dimension.name = name
        model = {"base_estimator": MODELS[step % len(MODELS)] if step <= GP_UP_TO else MODELS[-1]}
        rng = np.random.RandomState([*self.seed, step])
        constraint = self.constraint and self.allows
        options = model | self.options | options
        return Optimizer(dimensions, random_state=rng, space_constraint=constraint, **options)


def optimizer_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the optimizer: those that the user has given, else the defaults.

    Raises
    ------
    ValueError
        If a name is not one of an argument of `skopt.Optimizer` that a user can choose.
    """
    options = dict(given)
    if "n_random_starts" in options:  # the older name
        options["n_initial_points"] = options.pop("n_random_starts")
    names = signature(Optimizer).parameters.keys() - SET_BY_SEARCH
    unknown = sorted(options.keys() - names)
    if unknown:
        raise ValueError(
            f"optimizer_kwargs must have arguments of skopt.Optimizer, without {sorted(SET_BY_SEARCH)}, "
            f"which the search sets, got {unknown}."
        )
    if options.get("acq_optimizer") == "lbfgs":
        options.setdefault("base_estimator", "GP")  # trees have no gradient
    return DEFAULTS | options


def bounded_losses(scores: ArrayLike) -> list[float]:
    """Return losses for the surrogate model: negative scores, bounded above.

    The bound is three times as far from the best as the median is. Without it, one diverged candidate would
    set the scale and hide the differences that matter. Scores that are not finite become the bound.
    """
    scores = np.asarray(scores, dtype=float)
    finite = scores[np.isfinite(scores)]
    if finite.size == 0:
        return [0.0] * len(scores)
    best = finite.max()
    distance = best - np.median(finite) or best - finite.min() or 1.0
    floor = best - 3 * distance
    return [float(-max(score, floor)) if np.isfinite(score) else float(-floor) for score in scores]


def position(value: Any, categories: Sequence[Any]) -> int | None:
    """Return the position of a value among the categories, or None; True and 1 are different.

    A number that is no category itself is looked for among the numbers of other types.
    """
    value = native(value)
    for i, category in enumerate(map(native, categories)):
        if category is value or (type(category) is type(value) and np.array_equal(category, value)):
            return i
    if not is_number(value):
        return None
    return next((i for i, other in enumerate(categories) if is_number(other) and other == value), None)


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and no truth value."""
    return isinstance(value, Number) and not isinstance(value, bool)


def native(value: Any) -> Any:
    """Return a NumPy scalar as Python's type, anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value
