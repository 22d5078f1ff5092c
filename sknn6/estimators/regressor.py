"""The regressor."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from sknn6._sklearn_compat import StrOptions, fit_context, with_callbacks
from sknn6.estimators.base import BaseMLP, has_stochastic_solver
from sknn6.nn.losses import LINKS, REGRESSION_LOSSES

__all__ = ["MLPRegressor"]


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
    hidden_layer_sizes : int, sequence of int or str, default=(100,)
        Units of the hidden layers: a width, a sequence of widths, or a string of widths such as "256-128",
        which a search can hold. An empty sequence makes a linear model.
    activation : str, Activation or list of them, default="relu"
        Nonlinearity of the hidden layers: "identity", "logistic" (also "sigmoid"), "tanh", "relu",
        "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"; one of your own; or a list, one a
        hidden layer.
    depth : int or None, default=None
        How many times over the hidden layers of `hidden_layer_sizes` come; None is once. With a width, the
        number of hidden layers of that width.
    init : str or callable, default="auto"
        How the weights start: "zeros", "normal" (standard normal), "uniform" (-1 to 1), "xavier_uniform",
        "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal"; "auto", the
        uniform law of He for the ReLU family, LeCun's normal law for selu, and the uniform law of Xavier for
        the others and the output; or a function ``f(rng, fan_in, fan_out, gain) -> W``. Biases start at 0.
    init_scale : float, default=1.0
        Factor on the initial weights.
    batchnorm : bool, default=False
        Whether to normalise each hidden layer over the batch, before the nonlinearity. A last batch of less
        than half the size then joins the one before it. A batch of one row is normalised as in prediction.
    batchnorm_momentum : float, default=0.1
        Weight of a new batch in the averages that prediction uses, over 0 to 1. Not used by "lbfgs", which
        sees all samples at once.
    dropout : float, default=0.0
        Fraction of each hidden layer's activations that are set to 0 in training, 0 to < 1. Not used by
        "lbfgs", whose loss must not change from one evaluation to the next.
    weight_decay : float, default=0.0
        Decoupled decay: each update first multiplies the weights by 1 - rate weight_decay. Like the next
        three, for the stochastic solvers.
    gradient_accumulation_steps : int, default=1
        Mini-batches to an update. Their gradients are averaged by sample count, so that the update is that
        of one big batch; but batch normalisation sees each mini-batch by itself.
    clip_norm : float or None, default=None
        A gradient of a larger Euclidean norm is scaled down to this.
    ema_decay : float, default=0.0
        Decay rate, 0 to < 1, of an average of the weights over the updates that takes their place for
        validation and at the end; 0 is no average. `partial_fit` goes on from the averaged weights.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Adam, stochastic gradient descent with momentum, or L-BFGS on the whole data, always in float64.
    alpha : float, default=0.0001
        Strength of the L2 penalty.
    batch_size : int or "auto", default="auto"
        Samples of a mini-batch; "auto" is 200, or all if there are fewer.
    learning_rate : str, default="constant"
        How the rate changes: "constant"; with "sgd" also "invscaling", divided by (samples seen + 1)^power_t,
        and "adaptive", divided by 5 whenever `n_iter_no_change` epochs brought no improvement; with both
        stochastic solvers "cosine", "one_cycle" and "step", along `max_iter` in `fit`, constant in
        `partial_fit`.
    learning_rate_init : float, default=0.001
        The rate that the schedule starts from.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Epochs at most; for "lbfgs", iterations.
    shuffle : bool, default=True
        Whether each epoch has its own order of the samples.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of samples and the validation set.
    tol : float, default=0.0001
        An epoch is an improvement if the loss is lower, or the validation score higher, than the best before
        by this.
    verbose : bool or int, default=False
        Whether to print a line an epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the present weights.
    momentum : float, default=0.9
        Momentum of "sgd", 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether the momentum of "sgd" is Nesterov's.
    early_stopping : bool, default=False
        Whether to hold out samples, stop when the score on them does not improve, and keep the weights of the
        best epoch.
    scoring : str, callable or None, default=None
        What early stopping maximises on the validation data: the name of a scorer or a callable
        ``scorer(estimator, X, y)``; None is R^2.
    validation_fraction : float, default=0.1
        Share of the samples that early stopping holds out, unless `fit` is given validation data.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's averages of the gradient and of its square, 0 to < 1.
    epsilon : float, default=1e-8
        Added to the denominator of Adam's step.
    n_iter_no_change : int or inf, default=10
        The training stops after more epochs than this in a row without improvement.
    max_fun : int, default=15000
        Evaluations of the loss by "lbfgs" at most.
    dtype : {"float32", "float64"}, default="float32"
        What the stochastic solvers compute in. Prediction computes in the dtype of its X.

    Attributes
    ----------
    coefs_, intercepts_, layer_state_, history_, loss_, loss_curve_, best_loss_, n_iter_, t_, n_layers_
        As in `MLPClassifier`.
    validation_scores_, best_validation_score_
        Likewise, with R^2 for the accuracy.
    n_features_in_ : int
        Features of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    _parameter_constraints = BaseMLP._parameter_constraints | {"loss": [StrOptions(set(REGRESSION_LOSSES))]}

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        depth=None,
        init="auto",
        init_scale=1.0,
        batchnorm=False,
        batchnorm_momentum=0.1,
        dropout=0.0,
        weight_decay=0.0,
        gradient_accumulation_steps=1,
        clip_norm=None,
        ema_decay=0.0,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        scoring=None,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="float32",
    ):
        self._assign(locals())

    @available_if(has_stochastic_solver)
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
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

    def predict(self, X):
        """Predict the targets, in the dtype of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. What is float64 is computed in float64.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        Z = self._logits(X)
        predicted = LINKS[self.out_activation_](Z)
        return predicted[:, 0] if self.n_outputs_ == 1 else predicted

    def _define_targets(self, y, redefine):
        if redefine or not hasattr(self, "n_outputs_"):
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.out_activation_ = REGRESSION_LOSSES[self.loss].out_activation

    def _encode(self, y, dtype):
        y = column_or_1d(y, warn=True)[:, None] if y.ndim == 1 or y.shape[1] == 1 else y
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} columns as in the fit before, got {y.shape[1]}.")
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"y must not be negative with loss='poisson', got {y.min()}.")
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
