"""What y is, and what a training needs of it: a module for classes, labels, numbers and quantiles each."""

from sknn6.training.targets.base import Targets
from sknn6.training.targets.classes import Classes
from sknn6.training.targets.discrete import classes_in
from sknn6.training.targets.kinds import check_discrete, discrete_targets
from sknn6.training.targets.labels import Labels, dense
from sknn6.training.targets.numbers import Numbers
from sknn6.training.targets.quantiles import Quantiles, mean_d2, quantiles_in

__all__ = [
    "Classes",
    "Labels",
    "Numbers",
    "Quantiles",
    "Targets",
    "check_discrete",
    "classes_in",
    "dense",
    "discrete_targets",
    "mean_d2",
    "quantiles_in",
]
