"""What to evaluate next: an initial design, then scikit-optimize's optimizer on all that is known."""

import copy
import itertools
import math
import warnings
from numbers import Number
from typing import NamedTuple

import numpy as np
from skopt import Optimizer
from skopt.space import Categorical, Integer, Space
from skopt.space.space import Dimension, check_dimension

from sknn6.threads import products_share_cores

__all__ = ["Axis", "Proposals", "native"]

# Two models of the scores take turns. On landscapes with few smooth directions a Gaussian process finds the
# best points by far; on those of networks, with categories and cliffs, forests of extremely randomised trees
# do. The process's time grows with the cube of what it knows, so that later the forests go on alone.
MODELS = "GP", "ET"
GP_UP_TO = 50
DEFAULTS = {
    "acq_func": "EI",
    "acq_optimizer": "sampling",
    "acq_optimizer_kwargs": {"n_points": 2000},
}
N_INITIAL_POINTS = 5
LISTED = 10_000  # points of a space, up to which those left are listed
PLAIN = str, Number, np.generic  # categories that `skopt` takes as they are


class Axis(NamedTuple):
    """One axis of a space: a dimension of numbers, or of positions among categories.

    The categories may be any objects, where scikit-optimize takes some.
    """

    dimension: Dimension
    categories: tuple | None

    @classmethod
    def of(cls, given):
        """Make one from what `skopt` takes as a dimension, or from a list of any objects."""
        prior = None
        if not (isinstance(given, list) and not all(isinstance(value, PLAIN) for value in given)):
            dimension = copy.deepcopy(check_dimension(given))
            if not isinstance(dimension, Categorical):
                return cls(dimension, None)
            given, prior = dimension.categories, dimension.prior
        return cls(Categorical(range(len(given)), prior=prior), tuple(given))

    @property
    def values(self):
        """The coordinates on the axis, None if there are infinitely many."""
        if self.categories is not None:
            return range(len(self.categories))
        if isinstance(self.dimension, Integer):
            return range(self.dimension.low, self.dimension.high + 1)
        return None

    def encode(self, value):
        """Return the number nearest to a number or the position of a category, None if there is neither."""
        if self.categories is not None:
            return position(value, self.categories)
        if not isinstance(value, Number):
            return None
        return min(max(value, self.dimension.low), self.dimension.high)

    def decode(self, value):
        """Return the value that a coordinate stands for, of Python's own type where it has such."""
        return native(value if self.categories is None else self.categories[value])

    def some_value(self):
        """Return one of the values."""
        return self.decode(self.dimension.low if self.categories is None else 0)

    def drawable(self, name):
        """Return it with its name, and with categories that `skopt.plots` can encode.

        Strings and numbers are left as they are, all else is its text.
        """
        dimension, shown = copy.deepcopy(self.dimension), None
        if self.categories is not None:
            shown = [native(value) if isinstance(value, PLAIN) else str(value) for value in self.categories]
            if len(set(shown)) < len(shown):  # True, 1 and 1.0 would be one
                shown = [f"{value!r} ({i})" for i, value in enumerate(self.categories)]
            dimension = Categorical(shown, prior=dimension.prior)
        dimension.name = name
        return Axis(dimension, shown)

    def describe(self):
        """Return what the axis is, whatever scikit-optimize has done to the dimension."""
        if self.categories is not None:
            return self.categories, self.dimension.prior
        return type(self.dimension).__name__, self.dimension.low, self.dimension.high, self.dimension.prior


class Proposals:
    """Proposals for one space.

    A proposal depends on the seed, on how many points are known, and on these, and on nothing else: a search
    that is taken up again proposes what it would have.

    Parameters
    ----------
    space : dict of str to dimension
        As `skopt.BayesSearchCV` takes it; copied. The categories may be any objects.
    seed : sequence of int
    options : dict
        Arguments of `skopt.Optimizer`.
    present : dict or None
        Parameters to propose first, or the point of the space nearest to them.

    Attributes
    ----------
    size : int or inf
        Points of the space. Each is proposed once.
    """

    def __init__(self, space, seed, options, present=None):
        self.axes = {name: Axis.of(space[name]) for name in sorted(space)}
        options = DEFAULTS | options
        n_initial = options.pop("n_initial_points", N_INITIAL_POINTS)
        generator = options.pop("initial_point_generator", "lhs")
        self.options, self.seed = options, list(seed)
        values = [axis.values for axis in self.axes.values()]
        self.size = math.inf if None in values else math.prod(map(len, values))
        first = None if present is None else self.encode(present)
        self.initial = [] if first is None else [first]
        n_drawn = max(n_initial, 1) - len(self.initial)
        if n_drawn:
            drawing = self._optimizer(0, n_initial_points=n_drawn, initial_point_generator=generator)
        for _ in range(min(n_drawn, self.size - len(self.initial))):
            point = drawing.ask()
            drawing.tell(point, 0.0, fit=False)
            self.initial.append(self._unlike(self.initial, point))

    @products_share_cores()
    def ask(self, points, scores, n_points):
        """Return up to that many proposals, each the parameters and the point that encodes them.

        Parameters
        ----------
        points : list
            What was proposed before.
        scores : list of float
            Its scores, the higher the better; what failed has one that is not finite.
        n_points : int
            No more than there are points left.

        Returns
        -------
        list of (dict, list)
        """
        if len(points) < len(self.initial):
            asked = self.initial[len(points) :][:n_points]
            return [(self.decode(point), point) for point in asked]
        optimizer = self._optimizer(len(points), n_initial_points=0)
        losses = bounded_losses(scores)
        with warnings.catch_warnings():
            # Of points that were evaluated before: the optimizer draws others in their place.
            warnings.simplefilter("ignore")
            optimizer.tell(list(points), losses)
            asked = [self._unlike(points, optimizer.ask())]
            while len(asked) < n_points:
                optimizer.tell(asked[-1], min(losses))  # a constant liar keeps the next one away
                asked.append(self._unlike([*points, *asked], optimizer.ask()))
        return [(self.decode(point), point) for point in asked]

    def result(self, points, scores):
        """Return what is known as `skopt` gives it and `skopt.plots` takes it."""
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

    def encode(self, params):
        """Return the point nearest to the parameters, None if one is neither a category nor a number."""
        point = [axis.encode(params[name]) for name, axis in self.axes.items()]
        return None if None in point else point

    def decode(self, point):
        """Return the parameters that a point stands for."""
        return {
            name: axis.decode(value) for (name, axis), value in zip(self.axes.items(), point, strict=True)
        }

    def _unlike(self, points, point):
        """Return the point, or if it is among the points, any other of the space that is not."""
        known = set(map(tuple, points))
        if tuple(point) not in known:
            return point
        rng = np.random.RandomState([*self.seed, len(points)])
        if self.size <= LISTED:
            values = [axis.values for axis in self.axes.values()]
            left = [other for other in itertools.product(*values) if other not in known]
            return list(left[rng.randint(len(left))])
        space = Space([copy.deepcopy(axis.dimension) for axis in self.axes.values()])
        while tuple(point) in known:
            (point,) = space.rvs(random_state=rng)
        return point

    def _optimizer(self, step, **options):
        """Make an optimizer, with copies of the dimensions, which it changes."""
        dimensions = [copy.deepcopy(axis.dimension) for axis in self.axes.values()]
        for name, dimension in zip(self.axes, dimensions, strict=True):
            dimension.name = name
        model = {"base_estimator": MODELS[step % len(MODELS)] if step <= GP_UP_TO else MODELS[-1]}
        rng = np.random.RandomState([*self.seed, step])
        return Optimizer(dimensions, random_state=rng, **model | self.options | options)


def bounded_losses(scores):
    """Return losses for the surrogate: none is worse than three times as far from the best as the median.

    One diverged candidate would otherwise set the scale, and the differences that matter would vanish in it.
    What has no finite score gets that bound.
    """
    scores = np.asarray(scores, dtype=float)
    finite = scores[np.isfinite(scores)]
    if finite.size == 0:
        return [0.0] * len(scores)
    best = finite.max()
    distance = best - np.median(finite) or best - finite.min() or 1.0
    floor = best - 3 * distance
    return [float(-max(score, floor)) if np.isfinite(score) else float(-floor) for score in scores]


def position(value, categories):
    """Return the position of a value among the categories, None if it is not there; True is not 1."""
    for i, category in enumerate(categories):
        if category is value or (type(category) is type(value) and np.array_equal(category, value)):
            return i
    return None


def native(value):
    """Return a NumPy scalar as Python's."""
    return value.item() if isinstance(value, np.generic) else value
