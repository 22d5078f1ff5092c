"""Partial dependence of the scores of a search on each parameter."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array

__all__ = ["partial_dependence"]

N_SAMPLES, N_VALUES = 250, 40


def partial_dependence(
    space: Any, points: list[Any], scores: Array
) -> dict[str, tuple[Sequence[Any] | Array, Array]]:
    """Return for values of each parameter the predicted score, averaged over random values of the others.

    The predictions are those of extremely randomised trees, which find more than a Gaussian process does in
    few points of many dimensions. The values are evenly spaced on the dimension's own scale; those of
    `skopt.plots.partial_dependence` leave out most of a log scale.

    Parameters
    ----------
    space : skopt.Space
    points : list of list
    scores : ndarray of shape (n_points,)

    Returns
    -------
    dict of str to (sequence of values, ndarray of scores)
        One curve for each dimension that varies, by its name.
    """
    from skopt.utils import cook_estimator

    model = cook_estimator("ET", random_state=0).fit(space.transform(points), scores)
    sample = space.transform(space.rvs(N_SAMPLES, random_state=0))
    curves, stop = {}, 0
    for dimension in space:
        start, stop = stop, stop + dimension.transformed_size
        if not dimension.is_constant:
            values = values_of(dimension)
            held = np.tile(sample, (len(values), 1, 1))
            held[:, :, start:stop] = np.reshape(dimension.transform(values), (len(values), 1, -1))
            expected = model.predict(held.reshape(-1, sample.shape[1])).reshape(len(values), -1)
            curves[dimension.name] = values, expected.mean(axis=1)
    return curves


def values_of(dimension: Any) -> Sequence[Any] | Array:
    """Return the categories of a dimension, or numbers evenly spaced on its scale."""
    from skopt.space import Categorical, Integer

    if isinstance(dimension, Categorical):
        return dimension.categories
    spaced = np.geomspace if dimension.prior == "log-uniform" else np.linspace
    values = spaced(dimension.low, dimension.high, N_VALUES)
    return np.unique(np.round(values).astype(int)) if isinstance(dimension, Integer) else values
