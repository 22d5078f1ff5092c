"""The regressor."""

from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import assert_all_finite, check_is_fitted

from sknn6._sklearn_compat import Interval, available_if, fit_context, with_callbacks
from sknn6.annotations import Auto, Matrix, Scoring, Seed
from sknn6.estimators.base import BaseMLP, FindFills, has_stochastic_solver
from sknn6.estimators.fitted import state_of
from sknn6.estimators.parameters import AUTO, SHARED_CONSTRAINTS, among, documented
from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.initializers import Initializer
from sknn6.nn.links import LINKS
from sknn6.nn.losses import REGRESSION_LOSSES
from sknn6.nn.outputs import OutputScaling
from sknn6.training.settings import Settings
from sknn6.training.targets import Numbers, Quantiles, mean_d2, quantiles_in
from sknn6.warn import warn_user

__all__ = ["MLPRegressor"]


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor, a drop-in replacement for scikit-learn's with more options.

    It has the network of `MLPClassifier` with one output per target, and is trained on the squared error or
    another loss.

    The values of parameters that are "auto" depend on the solver. With "adam" they are a modern recipe: four
    networks, trained side by side on scaled input and scaled targets and averaged, 40 epochs in batches of
    128 at a rate that rises to 0.02 and falls to 0 in each of two cycles, decoupled weight decay 0.1, and a
    piecewise linear encoding of each number. Rows that each network leaves out decide whether the networks of
    the first cycle or those of the second are kept, or both. From 5000 rows on they are larger networks that
    differ in weight decay, among which held-out rows choose, and the more rows there are, the fewer epochs;
    the user guide, "Defaults", has all values. With "sgd" and "lbfgs" they are those of scikit-learn: one
    network, unscaled input and targets, a constant rate of 0.001, 200 epochs in batches of 200, and no
    dropout or weight decay.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "quantile", "poisson", "gamma", "huber"}, \
            default="squared_error"
        The loss, for an output z and a target y. The losses of several targets are added.

        - "squared_error": (z - y)^2 / 2, which predicts the mean;
        - "absolute_error": abs(z - y), which predicts the median;
        - "quantile": the pinball loss, q (y - z) where z <= y and (1 - q) (z - y) elsewhere, q `quantile`;
        - "poisson": half the Poisson deviance, p - y - y log(p / y) of a prediction p = e^z, for targets that
          are not negative;
        - "gamma": half the gamma deviance, y / p - log(y / p) - 1 of a prediction p = e^z, for targets above
          0;
        - "huber": (z - y)^2 / 2 up to a residual of d and linear beyond, so that the gradient of an outlier
          is bounded; d is 1 or, with `target_scaling`, a tenth of the scale of the targets.
    quantile : float or list of float, default=0.5
        Which quantile of each target the loss "quantile" predicts, above 0 and below 1. With an increasing
        list, the network predicts several quantiles of a single target: predictions have one column per
        quantile, in increasing order, so that the quantiles do not cross. With this loss, early stopping
        maximises the mean of the D^2 of :func:`~sklearn.metrics.d2_pinball_score`.
    target_scaling : bool or "auto", default="auto"
        Whether the network learns standardised targets. They are standardised by their mean and standard
        deviation in the training data, or by median and quartiles if the loss is "absolute_error", "quantile"
        or "huber". Predictions, losses and scores are in the units of y. The loss of several targets is that
        of the standardised ones times the mean of their variances, or times the mean of their deviations if
        the loss is "absolute_error" or "quantile". A training that begins with `partial_fit` learns mean and
        deviation from the first 1000 rows, or median and quartiles from the first call if that has 100 rows.
        A continued training keeps its scaling, or stays without one. The targets of "poisson" and "gamma" are
        not standardised: the outputs start at the logarithm of their mean m, and the training minimises the
        deviance of y / m, so that the result does not depend on the unit of y. "auto" is True, and False with
        the plain recipe.
    {shared}

    Attributes
    ----------
    coefs_, intercepts_, layer_state_, feature_importances_, switchable_weights_, history_, loss_, \
    loss_curve_, best_loss_, n_iter_, t_, n_layers_
        As in `MLPClassifier`; with `target_scaling`, `layer_state_` has "output.mean" and "output.scale", and
        the outputs of the last layer are the standardised targets.
    ensemble_members_ : list of int or None
        As in `MLPClassifier`.
    validation_scores_, best_validation_score_
        As in `MLPClassifier`, with R^2 in place of the accuracy, or the mean D^2 with the loss "quantile".
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had names.
    n_outputs_ : int
        Number of targets, or of quantiles of one target.
    out_activation_ : {"identity", "in_order", "exp"}
        The function that maps outputs to predictions.

    See Also
    --------
    sklearn.neural_network.MLPRegressor : scikit-learn's regressor, with the same names of parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPRegressor, Standardizer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> make_pipeline(Standardizer(), MLPRegressor(random_state=0)).fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints = SHARED_CONSTRAINTS | {
        "loss": [among(REGRESSION_LOSSES)],
        "quantile": [Interval(Real, 0, 1, closed="neither"), list, tuple, np.ndarray],
        "target_scaling": [AUTO, "boolean"],
    }

    @property
    def _recipes(self) -> dict[str, str]:
        loss = REGRESSION_LOSSES.get(str(self.loss))  # None for one that validation refuses
        if loss and loss.of_quantiles:
            return {"adam": "modern_quantiles"}
        positive = loss and LINKS[loss.out_activation].is_exponential
        return {"adam": "modern_positive" if positive else "modern_regression"}

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str | Activation | Sequence[str | Activation] = "auto",
        *,
        depth: int | None = None,
        init: str | Initializer = "auto",
        init_scale: float = 1.0,
        batchnorm: bool | str = False,
        batchnorm_momentum: float = 0.1,
        batchnorm_group_size: int = 16,
        layernorm: bool = False,
        residual: bool = False,
        recipe: str = "auto",
        ensemble_size: int | Auto = "auto",
        quantile: float | Sequence[float] | Array = 0.5,
        target_scaling: bool | Auto = "auto",
        input_scaling: bool | Literal["learned", "auto"] = "auto",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
        numeric_embedding: Literal["piecewise", "auto"] | None = "auto",
        ensemble_selection: bool | Auto = "auto",
        snapshots: int | Auto = "auto",
        dropout: float | Auto = "auto",
        weight_decay: float | Sequence[float] | Auto = "auto",
        gradient_accumulation_steps: int = 1,
        clip_norm: float | None = None,
        ema_decay: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Auto = "auto",
        learning_rate: str = "auto",
        learning_rate_init: float | Auto = "auto",
        power_t: float = 0.5,
        max_iter: int | Auto = "auto",
        shuffle: bool = True,
        random_state: Seed = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        track: Literal["layers"] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float | Auto = "auto",
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
        """Train for one epoch on X and y, starting from the present weights and optimizer state.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
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

    def predict(self, X: Matrix) -> Array:
        """Predict the targets.

        They have the dtype of X, or float64 if float32 is too coarse for the targets of the training.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. Predictions for float64 are computed in float64.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With a list of quantiles, one column for each.
        """
        predicted = self._predict(X, "decide")
        return predicted[:, 0] if self.n_outputs_ == 1 and not self._has_several_quantiles() else predicted

    def score(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R^2 of the predictions or, with a list of quantiles, the mean of their D^2.

        D^2 is 1 - loss / loss of the best constant, for the pinball loss, as in
        :func:`~sklearn.metrics.d2_pinball_score`. With a single number as `quantile`, the score is R^2, as
        for every regressor of scikit-learn, although a quantile other than the median may be far from the
        mean.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float

        Raises
        ------
        ValueError
            If X or y is invalid, or `quantile` has another number of quantiles than in the fit.
        """
        check_is_fitted(self)
        if not self._has_several_quantiles():
            return super().score(X, y, sample_weight)
        quantiles = quantiles_in(self.quantile)
        if np.shape(quantiles) != (self.n_outputs_,):
            raise ValueError(
                f"quantile must be a list of {self.n_outputs_} numbers, which the fit predicts, "
                f"got {self.quantile!r}."
            )
        predicted = self.predict(X)
        y = np.reshape(y, (-1, 1))
        check_consistent_length(predicted, y, sample_weight)
        y = np.broadcast_to(y, predicted.shape)
        return mean_d2(y, predicted, quantiles, sample_weight)

    def _validate_arrays(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        reset: bool,
        find_fills: FindFills | None = None,
    ) -> tuple[Rows, Array, Array | None]:
        if issparse(y):
            raise ValueError(
                f"y must be dense for {type(self).__name__}, got a sparse matrix. Use y.toarray()."
            )
        X, y, sample_weight = super()._validate_arrays(X, y, sample_weight, reset, find_fills)
        if y.dtype.kind in "US":
            y = y.astype(np.float64)  # as scikit-learn does with strings in an array of objects
        assert_all_finite(y, input_name="y")  # scikit-learn does not look for None in an array of objects
        return X, y, sample_weight

    def _find_targets(self, y: Array, settings: Settings) -> Numbers:
        goes_on = settings.continues and hasattr(self, "n_outputs_")
        n_targets, scaling = 1 if y.ndim == 1 else y.shape[1], None
        if goes_on:
            n_targets, scaling = self.n_outputs_, self._scaling()
        targets = self._new_targets(n_targets, scaling)
        if goes_on:
            self._check_same_outputs(targets)
        if not targets.entry.of_quantiles and not np.array_equal(self.quantile, 0.5):
            warn_user(
                f"quantile={self.quantile!r} has no effect with loss={self.loss!r}. Use loss='quantile'."
            )
        return targets

    def _new_targets(self, n_targets: int, scaling: OutputScaling | None) -> Numbers:
        """Return the targets that the parameters `loss` and `quantile` ask for."""
        if not REGRESSION_LOSSES[self.loss].of_quantiles:
            return Numbers(self.loss, n_targets, scaling=scaling)
        quantile = quantiles_in(self.quantile)
        n_outputs = len(quantile) if isinstance(quantile, np.ndarray) else n_targets
        return Quantiles(self.loss, n_outputs, quantile, scaling)

    def _check_same_outputs(self, targets: Numbers) -> None:
        """Raise ValueError if the outputs of the network mean something else than in the last fit."""
        several = self._has_several_quantiles()
        same_quantiles = (targets.link.is_sorted, targets.n_outputs) == (several, self.n_outputs_)
        if targets.entry.of_quantiles and not same_quantiles:
            kind = f"a list of {self.n_outputs_} numbers" if several else "a number"
            raise ValueError(
                f"quantile must be {kind}, for the outputs of the fit before, got {self.quantile!r}. To "
                "start anew, call fit with warm_start=False."
            )
        if targets.out_activation != self.out_activation_:
            same = [
                name
                for name, loss in REGRESSION_LOSSES.items()
                if loss.out_activation == self.out_activation_
            ]
            raise ValueError(
                f"loss must be one of {same or ['quantile']}, for the outputs of the fit before "
                f"(out_activation_ is {self.out_activation_!r}), got {self.loss!r}. To start anew, call fit "
                "with warm_start=False."
            )

    def _has_several_quantiles(self) -> bool:
        """Return whether the outputs are quantiles of one target."""
        return LINKS[self.out_activation_].is_sorted

    def _fitted_targets(self) -> Numbers:
        return Numbers(self.loss, self.n_outputs_, self.out_activation_, self._scaling())

    def _scaling(self) -> OutputScaling | None:
        """Return the scaling of the targets in the fitted network, or None."""
        state = state_of(self)
        return OutputScaling(state["output.mean"], state["output.scale"]) if "output.mean" in state else None
