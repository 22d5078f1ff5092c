"""The regressor."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from sknn6._sklearn_compat import fit_context, with_callbacks
from sknn6.annotations import Auto, Matrix, Scoring, Seed
from sknn6.estimators.base import BaseMLP, among, documented, has_stochastic_solver
from sknn6.nn.activations import Activation
from sknn6.nn.losses import LINKS, REGRESSION_LOSSES

__all__ = ["MLPRegressor"]


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor, a drop-in for scikit-learn's with more to choose from.

    The network of `MLPClassifier` with one output a target, trained on the squared error, the Poisson
    deviance or Huber's loss.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "huber"}, default="squared_error"
        Half the squared error; half the Poisson deviance, of a prediction e^z, for targets that are not
        negative; or half the squared error up to a residual of 1 and linear beyond, so that outliers pull
        with a bounded force. The losses of several targets are added.
    {shared}

    Attributes
    ----------
    coefs_, intercepts_, layer_state_, history_, loss_, loss_curve_, best_loss_, n_iter_, t_, n_layers_
        As in `MLPClassifier`.
    validation_scores_, best_validation_score_
        Likewise, with R^2 for the accuracy.
    n_features_in_ : int
        Features of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names.
    n_outputs_ : int
        Targets.
    out_activation_ : {"identity", "exp"}
        What makes outputs predictions.

    See Also
    --------
    sklearn.neural_network.MLPRegressor : The model for the parameters' names and meaning.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPRegressor, Standardizer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> mlp = MLPRegressor(hidden_layer_sizes=16, activation="gelu", learning_rate_init=0.05,
    ...                    learning_rate="cosine", max_iter=40, random_state=0)
    >>> make_pipeline(Standardizer(), mlp).fit(X, y / 100).score(X, y / 100) > 0.5
    True
    """

    _parameter_constraints = BaseMLP._parameter_constraints | {"loss": [among(REGRESSION_LOSSES)]}

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] | str = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        depth: int | None = None,
        init: str | Callable = "auto",
        init_scale: float = 1.0,
        batchnorm: bool | str = False,
        batchnorm_momentum: float = 0.1,
        batchnorm_group_size: int = 16,
        layernorm: bool = False,
        residual: bool = False,
        ensemble_size: int | Auto = 1,
        input_scaling: bool | Literal["learned", "auto"] = False,
        dropout: float | Auto = 0.0,
        weight_decay: float | Auto = 0.0,
        gradient_accumulation_steps: int = 1,
        clip_norm: float | None = None,
        ema_decay: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Auto = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | Auto = 0.001,
        power_t: float = 0.5,
        max_iter: int | Auto = 200,
        shuffle: bool = True,
        random_state: Seed = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        track: Literal["layers"] | None = None,
        checkpoint: str | PathLike | None = None,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: Literal["float32", "float64"] = "float32",
    ):
        self._assign(locals())

    @available_if(has_stochastic_solver)
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on X and y, going on from the present weights and optimizer state.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative.

        Returns
        -------
        self : object
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Matrix) -> NDArray:
        """Predict the targets, in the dtype of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. What is float64 is computed in float64.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        predicted = self._map(X, self._link)
        return predicted[:, 0] if self.n_outputs_ == 1 else predicted

    def _link(self, Z):
        """Give the targets that the logits stand for."""
        return LINKS[self.out_activation_](self._pool(Z))

    def _define_targets(self, y, redefine):
        if redefine or not hasattr(self, "n_outputs_"):
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.out_activation_ = REGRESSION_LOSSES[self.loss].out_activation

    def _encode(self, y, dtype):
        y = column_or_1d(y, warn=True)[:, None] if y.ndim == 1 or y.shape[1] == 1 else y
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns as in the fit before, got {y.shape[1]}.")
        least = REGRESSION_LOSSES[self.loss].least
        if y.min() < least:
            raise ValueError(f"y must not be below {least} with loss={self.loss!r}, got {y.min()}.")
        if np.abs(y).max() > np.finfo(dtype).max:
            raise ValueError(f"y must lie within the range of {dtype}, got {y.flat[np.abs(y).argmax()]}.")
        return y.astype(dtype, copy=False)

    def _strata(self, y):
        return None

    def _loss(self):
        return REGRESSION_LOSSES[self.loss].loss

    def _score(self, Z, y, weight):
        score = r2_score(y, LINKS[self.out_activation_](Z), sample_weight=weight)
        return float(score) if np.isfinite(score) else np.nan
