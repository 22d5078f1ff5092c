"""Search spaces for the estimators of the package."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import gmean
from sklearn.base import BaseEstimator
from skopt.space import Categorical, Dimension, Integer, Real, Space

from sknn6.annotations import Seed
from sknn6.estimators.base import BaseMLP
from sknn6.estimators.settings import settings_of
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES
from sknn6.optional import require
from sknn6.preprocessing import Standardizer, Whitener
from sknn6.search.proposals import Axis, native

__all__ = ["Draws", "present_params", "search_space"]

# Names that no search should try: "sigmoid" is an alias, "identity" is linear, with "zeros" all units stay
# equal, "normal" and "uniform" do not adapt their scale to the layer.
NOT_SEARCHED = {"sigmoid", "identity", "zeros", "normal", "uniform"}


def names(registry: Iterable[str]) -> list[str]:
    """Return the names of a registry that are worth trying."""
    return [name for name in registry if name not in NOT_SEARCHED]


def network_dimensions() -> dict[str, Dimension]:
    """Return the dimensions of a multi-layer perceptron."""
    planned = sorted(name for name, schedule in SCHEDULES.items() if schedule.follows_plan)
    return {
        "learning_rate_init": Real(1e-5, 1e-1, "log-uniform"),
        "hidden_layer_sizes": Integer(16, 256, "log-uniform"),
        "depth": Integer(1, 3),
        "activation": Categorical(names(ACTIVATIONS)),
        "alpha": Real(1e-6, 10.0, "log-uniform"),
        "batch_size": Integer(16, 512, "log-uniform"),
        "dropout": Real(0.0, 0.5),
        "batchnorm": Categorical([False, True]),  # whitening takes several times as long
        "layernorm": Categorical([False, True]),
        "residual": Categorical([False, True]),
        "init": Categorical(["auto", *names(INITIALIZERS)]),
        "solver": Categorical(list(OPTIMIZERS)),
        "learning_rate": Categorical(["constant", *planned]),
        "weight_decay": Real(1e-5, 1.0, "log-uniform"),
        "label_smoothing": Real(0.0, 0.2),
    }


def whitener_dimensions() -> dict[str, Dimension]:
    """Return the dimensions of a Whitener."""
    return {
        "eps": Real(1e-7, 100.0, "log-uniform"),
        "shrinkage": Categorical([None, "ledoit_wolf", "oas"]),
    }


def standardizer_dimensions() -> dict[str, Dimension]:
    """Return the dimensions of a Standardizer."""
    return {"method": Categorical(["zscore", "robust", "minmax"])}


DIMENSIONS: dict[type[BaseEstimator], Callable[[], dict[str, Dimension]]] = {
    BaseMLP: network_dimensions,
    Whitener: whitener_dimensions,
    Standardizer: standardizer_dimensions,
}

# The parameters that are searched by default: few enough for about twenty evaluations.
SMALL = {
    *("learning_rate_init", "hidden_layer_sizes", "depth", "activation", "alpha", "batch_size", "dropout"),
    *("batchnorm", "eps", "method"),
}

# Parameters that the solver "lbfgs" does not use.
STOCHASTIC = {"learning_rate_init", "batch_size", "dropout", "learning_rate", "weight_decay"}


class Draws:
    """A distribution for `RandomizedSearchCV` that draws from a dimension of scikit-optimize.

    Parameters
    ----------
    dimension : skopt.space.Dimension
    """

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension

    def __repr__(self) -> str:
        return f"Draws({self.dimension!r})"

    def rvs(self, random_state: Seed = None) -> Any:
        """Draw one value."""
        (point,) = Space([self.dimension]).rvs(random_state=random_state)
        return native(point[0])


def as_it_is(dimension: Dimension) -> Dimension:
    """Return the dimension of scikit-optimize unchanged."""
    return dimension


def optuna_distribution(dimension: Dimension) -> Any:
    """Return the distribution of Optuna with the same values as a dimension."""
    from_optuna = require("optuna.distributions", "optuna")
    if isinstance(dimension, Categorical):
        return from_optuna.CategoricalDistribution(dimension.categories)
    kind = from_optuna.IntDistribution if isinstance(dimension, Integer) else from_optuna.FloatDistribution
    return kind(dimension.low, dimension.high, log=dimension.prior == "log-uniform")


# Functions that convert a dimension, by the value of `as_distributions`.
FORMS: dict[bool | str, Callable[..., Any]] = {False: as_it_is, True: Draws, "optuna": optuna_distribution}


def search_space(
    estimator: BaseEstimator,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    as_distributions: bool | str = False,
    **overrides: Dimension,
) -> dict[str, Any]:
    """Return a search space for every Standardizer, Whitener and MLP that an estimator contains.

    They are found in Pipelines, ColumnTransformers, and wherever else `get_params` shows them; the names are
    those of `get_params`. Every point of the space is a valid setting.

    Parameters
    ----------
    estimator : estimator
        The estimator to tune, for example a Pipeline.
    include : sequence of str
        Parameters to search besides the usual ones, by their own name or with the name of the step
        ("mlp__init"): of a network "init", "layernorm", "residual", "solver", "learning_rate", "weight_decay"
        and "label_smoothing", of a Whitener "shrinkage". Other parameters go into `overrides`.
    exclude : sequence of str
        Parameters not to search, named in the same ways.
    as_distributions : bool or "optuna", default=False
        False returns dimensions; True returns distributions for `sklearn.model_selection.RandomizedSearchCV`;
        "optuna" returns distributions for Optuna's `OptunaSearchCV`.
    **overrides : skopt.space.Dimension
        Your own dimensions for any parameters of the estimator, by their full names, for example
        ``mlp__clip_norm=Real(0.1, 10.0)``.

    Returns
    -------
    dict of str to skopt.space.Dimension
        A new dict, sorted by name as scikit-optimize sorts it.

    Raises
    ------
    ValueError
        If a name is not a parameter of the estimator, there is nothing to search, or `as_distributions` has
        another value.
    ImportError
        If Optuna's distributions are asked for and it is not installed.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPClassifier, Standardizer, search_space
    >>> pipeline = make_pipeline(Standardizer(), MLPClassifier(solver="lbfgs"))
    >>> for name, dimension in search_space(pipeline, exclude=["batchnorm", "activation"]).items():
    ...     print(name, dimension)
    mlpclassifier__alpha Real(low=1e-06, high=10.0, prior='log-uniform', transform='identity')
    mlpclassifier__depth Integer(low=1, high=3, prior='uniform', transform='identity')
    mlpclassifier__hidden_layer_sizes Integer(low=16, high=256, prior='log-uniform', transform='identity')
    standardizer__method Categorical(categories=('zscore', 'robust', 'minmax'), prior=None)
    """
    if as_distributions not in FORMS:
        raise ValueError(f"as_distributions must be one of {list(FORMS)}, got {as_distributions!r}.")
    available = dimensions_of(estimator)
    include, exclude = ([given] if isinstance(given, str) else list(given) for given in (include, exclude))
    for what, given in (("include", include), ("exclude", exclude)):
        unknown = [name for name in given if not any(matches(full, name) for full in available)]
        if unknown:
            raise ValueError(
                f"{what} must name parameters that can be searched here, {sorted(available)}, got {unknown}."
            )
    unknown = sorted(overrides.keys() - estimator.get_params().keys())
    if unknown:
        raise ValueError(
            f"Dimensions must be named after parameters of {type(estimator).__name__} (see get_params), "
            f"got {unknown}."
        )

    def wanted(full: str) -> bool:
        small = full.rpartition("__")[2] in SMALL
        return (small or any(matches(full, name) for name in include)) and not any(
            matches(full, name) for name in exclude
        )

    space = {name: dimension for name, dimension in available.items() if wanted(name)} | overrides
    if not space:
        raise ValueError(
            f"There is nothing to search in {type(estimator).__name__}: it contains no Standardizer, "
            "Whitener or MLP, or all is excluded."
        )
    space = dict(sorted(space.items()))
    form = FORMS[as_distributions]
    return {name: form(dimension) for name, dimension in space.items()}


def matches(full: str, name: str) -> bool:
    """Return whether a name, with or without that of the step, refers to a parameter by its full name."""
    return full == name or full.endswith(f"__{name}")


def parts_of(estimator: Any) -> dict[str, Any]:
    """Return the estimator and all that it contains, by the prefixes of their parameters."""
    return {"": estimator} | {f"{name}__": part for name, part in estimator.get_params().items()}


def dimensions_of(estimator: Any) -> dict[str, Dimension]:
    """Return the dimensions of all the package's estimators within an estimator, by full name."""
    found: dict[str, Dimension] = {}
    for prefix, part in parts_of(estimator).items():
        for kind, dimensions in DIMENSIONS.items():
            if isinstance(part, kind):
                idle = STOCHASTIC if getattr(part, "solver", None) == "lbfgs" else set()
                own = part.get_params(deep=False).keys() - idle
                found |= {prefix + name: dim for name, dim in dimensions().items() if name in own}
    return found


def present_params(estimator: Any, axes: dict[str, Axis], n_rows: int = 0) -> dict[str, Any] | None:
    """Return the estimator's own values of the parameters of a space, or None if it lacks one of them.

    A value that its `Axis` cannot encode is expressed as in `search_space`: layers of equal width as a width
    and a depth; "auto", except for `init`, as its value in a `fit` on n_rows rows; several weight decays as
    their geometric mean.
    """
    own = estimator.get_params()
    params = dict(own)
    for prefix, part in parts_of(estimator).items():
        if isinstance(part, BaseMLP):
            settings = settings_of(part, n_rows)
            widths = settings.hidden
            params |= {prefix + name: getattr(settings, name) for name in settings.automatic - {"init"}}
            if settings.is_auto("weight_decay") and np.ndim(settings.weight_decay):
                params[f"{prefix}weight_decay"] = float(gmean(settings.weight_decay))
            width, depth = f"{prefix}hidden_layer_sizes", f"{prefix}depth"
            if len(set(widths)) == 1 and (len(widths) == 1 or {width, depth} <= set(axes)):
                params |= {width: widths[0], depth: len(widths)}
    if not set(axes) <= params.keys():
        return None
    return {
        name: params[name] if axis.encode(own[name]) is None else own[name] for name, axis in axes.items()
    }
