"""Statistics of the activations, gradients and weights of each layer."""

import warnings
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr
from sklearn.base import BaseEstimator

from sknn6.annotations import Matrix
from sknn6.inspection.probe import Probe
from sknn6.inspection.wrappers import is_fitted, perceptron_and_input
from sknn6.nn.annotations import Array
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.links import LINKS
from sknn6.nn.network import Network
from sknn6.nn.observe import NO_SLOPE, SATURATED, LayerRecord, linear_maps, norm, observed
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.optional import require
from sknn6.threads import products_share_cores

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["N_ROWS", "LayerStatistics", "layer_statistics"]

# Statistics are computed on at most this many rows, a random sample of X.
N_ROWS = 2048


@dataclass(frozen=True, repr=False)
class LayerStatistics:
    """Statistics of each hidden layer and of the output layer, from first to last.

    Returned by `layer_statistics`. For an ensemble, each number is the mean over its members. The arrays have
    shape (n_layers,), where n_layers is the length of `coefs_`.

    Attributes
    ----------
    names : list of str
        "hidden 1", "hidden 2" and on, "output".
    mean, std : ndarray
        Mean and standard deviation of the layer's output: activations, or logits for the output layer.
    saturated : ndarray
        Share of the activations at which the nonlinearity f is flat: ``|f'(z)|`` is below 0.05 of its largest
        value. For standard normal z the share is 0.5 with relu and 0.03 with tanh. NaN for the output layer.
    dead : ndarray
        Share of the units that pass no gradient: ``|f'(z)|`` is below 0.001 of its largest value for every
        row. Units of leaky_relu are never dead. NaN for the output layer.
    gradient_norm : ndarray
        Euclidean norm of the gradient of the mean loss, penalty included, with respect to the weights W.
    update_ratio : ndarray
        Norm of the next update of W at the initial learning rate, divided by the norm of W; about 1e-3 is
        usual [1]_. NaN with solver "lbfgs".
    weight_norm : ndarray
        Euclidean norm of W.
    effective_rank : ndarray
        exp(-sum p log p), where p are the singular values of the layer's output divided by their sum [2]_:
        the number of directions that the output uses.
    outputs : list of ndarray of shape (n_rows, n_units)
        The outputs of each layer; for an ensemble, those of its members side by side.
    dead_units : list of ndarray of bool, shape (n_units,)
        Which units are dead.

    References
    ----------
    .. [1] Li, Karpathy & Johnson (2016), CS231n, lecture 6, "Babysitting the learning process".
    .. [2] Roy & Vetterli (2007), The effective rank: a measure of effective dimensionality, EUSIPCO.
    """

    names: list[str]
    mean: np.ndarray
    std: np.ndarray
    saturated: np.ndarray
    dead: np.ndarray
    gradient_norm: np.ndarray
    update_ratio: np.ndarray
    weight_norm: np.ndarray
    effective_rank: np.ndarray
    outputs: list[Array]
    dead_units: list[Array]

    @property
    def figures(self) -> dict[str, np.ndarray]:
        """The arrays with one number per layer, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.type is np.ndarray}

    def to_frame(self) -> "DataFrame":
        """Return the statistics as a pandas DataFrame with one row per layer."""
        pd = require("pandas", "pandas")
        return pd.DataFrame(self.figures, index=pd.Index(self.names, name="layer"))

    def __repr__(self) -> str:
        heads = "".join(f"{name.replace('_', ' '):>16}" for name in self.figures)
        rows = zip(self.names, *self.figures.values(), strict=True)
        lines = [name.ljust(10) + "".join(f"{value:16.3g}" for value in row) for name, *row in rows]
        return "\n".join([" " * 10 + heads, *lines])


@products_share_cores()
def layer_statistics(
    estimator: BaseEstimator, X: Matrix, y: ArrayLike | None = None, *, sample_weight: ArrayLike | None = None
) -> LayerStatistics:
    """Compute statistics of the activations, gradients and weights of each layer.

    Dropout is off. A fitted network is evaluated as in prediction: normalisation uses its running averages. A
    network that is not fitted is given initial weights, and normalisation uses the statistics of the rows.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        It is not changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        If there are more than 2048 rows, a random sample of 2048 is used.
    y : array-like, default=None
        The targets, required if the network is not fitted. Without them `gradient_norm` and `update_ratio`
        are NaN.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    LayerStatistics

    Raises
    ------
    TypeError
        If there is no multi-layer perceptron in the estimator, or there are several.
    ValueError
        If the estimator is not fitted and there is no y.

    Examples
    --------
    The lecture's deep tanh network with small weights: the signal vanishes from layer to layer.

    >>> import numpy as np
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import layer_statistics
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((1000, 500)), rng.integers(0, 2, 1000)
    >>> mlp = MLPClassifier(500, "tanh", depth=6, init="normal", init_scale=0.01, ensemble_size=1,
    ...                     input_scaling=False, random_state=0)
    >>> layer_statistics(mlp, X, y).std[:6].round(4).tolist()
    [0.2139, 0.0479, 0.0107, 0.0024, 0.0005, 0.0001]
    """
    mlp, X, y = perceptron_and_input(estimator, X, y)
    probe = Probe(mlp, X, targets(mlp, X) if y is None else y, sample_weight, deterministic=True)
    X, *rest = probe.subsample(N_ROWS)
    observer, records = observed(probe.network)
    with np.errstate(all="ignore"):
        if y is None:
            gradient_norm = update_ratio = np.full(len(records), np.nan)
            observer.forward(X)
        else:
            loss_and_gradient(observer, probe.loss, [(X, *rest)], probe.mlp.alpha)
            gradient_norm = np.array([norm(layer.dW) for layer in linear_maps(probe.network)])
            update_ratio = update_ratios(probe)
        return describe(probe.network, records, gradient_norm, update_ratio)


def targets(mlp: Any, X: Any) -> Array:
    """Return the predictions of a fitted network, to stand in for targets when no gradients are needed."""
    if not is_fitted(mlp):
        raise ValueError("y must be given for an estimator that is not fitted, got None.")
    with warnings.catch_warnings():
        # The columns have been compared with those of the fit; `mlp` has no names any more.
        warnings.filterwarnings("ignore", message="X has feature names")
        predicted = mlp.predict(X)
    return predicted[:, 0] if LINKS[mlp.out_activation_].is_sorted else predicted  # quantiles of one target


def describe(
    network: Network, records: list[LayerRecord], gradient_norm: Array, update_ratio: Array
) -> LayerStatistics:
    """Compute the statistics from the records of a forward pass."""
    outputs = [side_by_side(record.Y).astype(float) for record in records]
    slopes = [side_by_side(record.slopes()) for record in records[:-1]]
    dead_units = [slope.max(axis=0) < NO_SLOPE for slope in slopes]
    return LayerStatistics(
        names=[*(f"hidden {i + 1}" for i in range(len(slopes))), "output"],
        mean=np.array([Y.mean() for Y in outputs]),
        std=np.array([Y.std() for Y in outputs]),
        saturated=np.array([*((slope < SATURATED).mean() for slope in slopes), np.nan]),
        dead=np.array([*(units.mean() for units in dead_units), np.nan]),
        gradient_norm=gradient_norm,
        update_ratio=update_ratio,
        weight_norm=np.array([norm(layer.W) for layer in linear_maps(network)]),
        effective_rank=np.array([effective_rank(record.Y) for record in records]),
        outputs=outputs,
        dead_units=dead_units,
    )


def side_by_side(Y: Array) -> Array:
    """Return an array of shape (members, samples, units) as (samples, members * units)."""
    return Y if Y.ndim == 2 else np.concatenate(Y, axis=-1)


def update_ratios(probe: Probe) -> Array:
    """Return the norm of the next update of each W, divided by the norm of W; the network is not changed."""
    layers = linear_maps(probe.network)
    if probe.mlp.solver not in OPTIMIZERS:
        return np.full(len(layers), np.nan)
    theta = probe.network.theta.copy()
    # With `ema_decay`, this adds the lead to theta (see `Update`); theta is put back below.
    update = probe.make_update()
    before = [layer.W.copy() for layer in layers]
    update(probe.rate)
    ratios = [norm(layer.W - W) / norm(W) for layer, W in zip(layers, before, strict=True)]
    probe.network.theta[:] = theta
    return np.array(ratios)


def effective_rank(Y: Array) -> float:
    """Return exp(-sum p log p), p the singular values of Y divided by their sum, averaged over members."""
    values = np.linalg.svd(np.nan_to_num(Y.astype(float)), compute_uv=False)
    p = values / np.maximum(values.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
    return float(np.exp(entr(p).sum(axis=-1)).mean())
