"""The network inside an estimator or a pipeline, set up as for a training, with data before it."""

import copy
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sknn6._sklearn_compat import check_parameters, without_callbacks
from sknn6.estimators.base import BaseMLP
from sknn6.nn.layers import Dropout
from sknn6.nn.training import loss_and_gradient

__all__ = ["Probe", "is_fitted", "perceptron_and_input", "perceptron_of"]


def perceptron_and_input(estimator, X, y=None):
    """Give the perceptron at the end of an estimator, and X as it gets there.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline that ends in one, or a search over such
        Steps before the perceptron are applied as they are fitted or, where the perceptron is not fitted,
        copies of them are fitted.
    X, y : array-like

    Returns
    -------
    mlp : BaseMLP
        Without callbacks, which are for a training.
    X : array-like

    Raises
    ------
    TypeError
        If there is no perceptron.
    """
    mlp, before = parts(estimator)
    quiet = without_callbacks(mlp)
    if before is None:
        return quiet, X
    return quiet, before.transform(X) if is_fitted(mlp) else clone(before).fit_transform(X, y)


def perceptron_of(estimator):
    """Give the perceptron at the end of an estimator; raise TypeError if there is none."""
    return parts(estimator)[0]


def parts(estimator):
    """Give the perceptron at the end of an estimator, and what is before it, None if nothing."""
    found = getattr(estimator, "best_estimator_", getattr(estimator, "estimator", estimator))
    steps = [step for _, step in found.steps] if isinstance(found, Pipeline) else [found]
    if not isinstance(steps[-1], BaseMLP):
        raise TypeError(
            "estimator must be an MLPClassifier or MLPRegressor of sknn6, a Pipeline that ends in one, or a "
            f"search over such, got {estimator!r}."
        )
    return steps[-1], found[:-1] if len(steps) > 1 else None


def is_fitted(mlp):
    """Tell whether a perceptron is fitted."""
    return mlp.__sklearn_is_fitted__()


class Probe:
    """A copy of a perceptron with its network, and data as its training would see them.

    Parameters
    ----------
    mlp : BaseMLP
        What is done to the copy leaves it alone.
    X, y, sample_weight
        As `fit` takes them.
    fresh : bool
        Whether to start from initial weights, though it may be fitted.

    Attributes
    ----------
    mlp : BaseMLP
        The copy.
    fitted : bool
        Whether the network has the fitted weights.
    network : Network
    loss : callable
    batches : Batches
    """

    def __init__(self, mlp, X, y, sample_weight=None, *, fresh=False):
        self.fitted = is_fitted(mlp) and not fresh
        self.mlp = copy.copy(mlp) if self.fitted else clone(mlp)
        check_parameters(self.mlp)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what fit warns of is for fit to say
            data, _, self.network = self.mlp._compose(X, y, sample_weight, resume=self.fitted)
            self.mlp._scale_input(self.network, data)
            self.batches = self.mlp._make_batches(data, None, self.network)
        self.loss = self.mlp._loss()
        self.data = data
        self.network.calibrate(self.batches)

    def sample(self, n_rows):
        """Give X, y and weight of that many rows as one batch, or of all."""
        rows = np.arange(self.data.n_rows)
        if len(rows) > n_rows:
            rows = np.sort(np.random.default_rng(0).choice(rows, n_rows, replace=False))
        part = self.data.take(rows)
        return self.network.read(part.X), part.y, part.weight

    def settle(self):
        """Have no layer drop anything, and with fitted weights, have all normalise as in prediction."""
        for leaf in self.network.leaves:
            leaf.training = not (self.fitted or isinstance(leaf, Dropout))

    def differentiate(self, batch, alpha=None):
        """Give the loss of a batch, penalty included, and write its gradient to the network."""
        alpha = self.mlp.alpha if alpha is None else alpha
        return loss_and_gradient(self.network, self.loss, [batch], alpha)[0]

    def make_update(self):
        """Make the update that the training would go on with."""
        return self.mlp._make_update(self.network, resume=self.fitted)

    @property
    def rate(self):
        """The learning rate that the training starts from."""
        return float(self.mlp._value("learning_rate_init"))
