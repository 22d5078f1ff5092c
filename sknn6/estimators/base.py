"""What the estimators share: parameters, the course of a fit, and what is kept of it."""

import copy
import math
import operator
from abc import ABC, abstractmethod
from collections import ChainMap
from contextlib import contextmanager
from inspect import cleandoc, signature
from numbers import Integral, Real
from os import PathLike
from textwrap import dedent
from time import perf_counter
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, is_regressor
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn6._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    check_nonzero_weight,
    fit_context,
    with_callbacks,
)
from sknn6.annotations import Matrix
from sknn6.estimators.callbacks import Callbacks
from sknn6.estimators.interrupts import Interrupts
from sknn6.estimators.monitor import Monitor
from sknn6.estimators.packing import expand, pack, squeeze, unpack
from sknn6.estimators.recipes import PLAIN
from sknn6.estimators.resuming import TrainingFile
from sknn6.estimators.threads import products_share_cores
from sknn6.estimators.warn import warn_user
from sknn6.nn.activations import ACTIVATIONS, Activation, find_activation
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.inputs import InputScaling
from sknn6.nn.losses import POOLS
from sknn6.nn.network import perceptron
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import ALONG_MAX_ITER, FOR_SGD, SCHEDULES, Progress
from sknn6.nn.training import Batches, Update, minimize, train
from sknn6.validation import is_valid
from sknn6.versions import Versioned

AUTO = StrOptions({"auto"})


def among(registry, *others):
    """Allow the names of a registry, those that are added to it later too, and others."""
    return StrOptions(ChainMap(dict.fromkeys(others), registry).keys())


# Numbers of X, or entries of a sparse one, that are looked at together to learn how to scale it: of float64,
# 2 MB.
SCALING_BLOCK = 2**18

# What X may be: CSR makes the rows of a batch quick to find, and floats are taken as they are.
CHECKS = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}

# What the docstrings of the estimators say of the parameters that they share.
SHARED_PARAMETERS = """\
    hidden_layer_sizes : int, sequence of int or str, default={hidden_layer_sizes}
        Units of the hidden layers: a width, a sequence of widths, or a string of widths such as "256-128",
        which a search can hold. An empty sequence makes a linear model.
    activation : str, Activation or list of them, default="relu"
        Nonlinearity of the hidden layers: "identity", "logistic" (also "sigmoid"), "tanh", "relu",
        "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "maxout", whose units have
        two linear maps each, so that `coefs_` are twice as wide; one of your own; or a list, one a hidden
        layer.
    depth : int or None, default=None
        How many times over the hidden layers of `hidden_layer_sizes` come; None is once. With a width, the
        number of hidden layers of that width.
    init : str or callable, default="auto"
        How the weights start: "zeros", "normal" (standard normal), "uniform" (-1 to 1), "xavier_uniform",
        "xavier_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal"; "lsuv",
        orthogonal, then scaled layer by layer until the outputs on a sample have variance 1; "auto",
        the uniform law of He for the ReLU family, LeCun's normal law for selu, and the uniform law of Xavier
        for the others and the output; or a function ``f(rng, fan_in, fan_out, gain) -> W``. Biases start at
        0.
    init_scale : float, default=1.0
        Factor on the initial weights.
    batchnorm : bool, "batch", "whiten" or "switchable", default=False
        Whether and how to normalise each hidden layer over the batch, before the nonlinearity: True or
        "batch" by mean and variance of each unit; "whiten" by the covariance of groups of units, so that
        they are uncorrelated too; "switchable" by a mixture of these two and layer normalisation, with
        learned weights, see `switchable_weights_`. A last batch of less than half the size then joins the
        one before it. A batch of one row is normalised as in prediction.
    batchnorm_momentum : float, default=0.1
        Weight of a new batch in the averages that prediction uses, over 0 to 1. Not used by "lbfgs", which
        sees all samples at once.
    batchnorm_group_size : int, default=16
        Units that "whiten" and "switchable" take the covariance of. Batches should have several times as
        many samples.
    layernorm : bool, default=False
        Whether to normalise each sample over the units of each hidden layer, before the nonlinearity and, if
        there is both, after the normalisation over the batch.
    residual : bool, default=False
        Whether to add shortcuts: from the second hidden layer on, what a layer computes before its
        normalisation is added to what the layer before it did, by way of a learned projection where the
        widths differ. These are pre-norm residual blocks; with `layernorm` or `batchnorm`, they keep nets of
        tens of layers trainable.
    ensemble_size : int or "auto", default={ensemble_size}
        Networks that are trained side by side, each from weights of its own, and whose predictions are
        averaged. With more than one, the arrays of `coefs_`, `intercepts_` and `layer_state_` have a leading
        axis of them. It takes about as many times as long to train.
    input_scaling : bool, "learned" or "auto", default={input_scaling}
        Whether to standardise each feature by its mean and standard deviation in the training data (or the
        data of the first `partial_fit`), and bend outliers inwards, z / sqrt(1 + (z / 3)^2), before the
        first layer. Sparse data are not centred. "learned" multiplies each feature by a factor besides, 1 at
        first, which is learned at six times the rate: 6 times ``layer_state_["dense_0.u"]``.
    dropout : float or "auto", default={dropout}
        Fraction of each hidden layer's activations that are set to 0 in training, 0 to < 1. Not used by
        "lbfgs", whose loss must not change from one evaluation to the next.
    weight_decay : float or "auto", default={weight_decay}
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
        Samples of a mini-batch, or all if there are fewer.
    learning_rate : str, default={learning_rate}
        How the rate changes: "constant"; with "sgd" also "invscaling", divided by (samples seen + 1)^power_t,
        and "adaptive", divided by 5 whenever `n_iter_no_change` epochs brought no improvement; with both
        stochastic solvers "cosine", "one_cycle" and "step", along `max_iter` in `fit`, constant in
        `partial_fit`.
    learning_rate_init : float or "auto", default={learning_rate_init}
        The rate that the schedule starts from.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "auto", default={max_iter}
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
    track : "layers" or None, default=None
        Whether to look at the layers after each epoch and add to its record in `history_`, for layer i from 1
        on, the output last: "mean_i" and "std_i" of what it puts out, the shares "saturated_i" and "dead_i"
        as in `sknn6.inspection.LayerStatistics`, "weight_norm_i", and "change_i", the norm of the epoch's
        change of the weights divided by theirs. Of a fiftieth of the rows, 64 to 256, the same ones each
        time.
    checkpoint : path or None, default=None
        A file that `fit` saves the training to, after its epochs, in a twentieth of the time at most. The
        same training, with the same parameters and data, goes on from it where it stopped, and ends as if it
        had not; `max_iter` may have grown, unless `learning_rate` follows it. For the stochastic solvers.
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
        ``scorer(estimator, X, y)``; None is what `score` gives.
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
"""


def documented(cls):
    """Put the shared parameters, with the class's defaults, in their place in the class's docstring."""
    if cls.__doc__ is not None:  # as it is under python -OO
        shared = dedent(SHARED_PARAMETERS)
        for name, parameter in signature(cls).parameters.items():
            shared = shared.replace(f"{{{name}}}", repr(parameter.default).replace("'", '"'))
        cls.__doc__ = cleandoc(cls.__doc__).replace("{shared}\n", shared)  # as Python 3.13 has it already
    return cls


# What a stochastic solver reports and L-BFGS does not, as in scikit-learn.
STOCHASTIC_ATTRIBUTES = (
    "best_loss_",
    "best_validation_score_",
    "loss_curve_",
    "validation_scores_",
)


# Curves that a pickle can take from a column of the history.
CURVES = {"loss_curve_": "loss", "validation_scores_": "validation_score"}

# What scikit-learn keeps on the estimator until the callbacks are torn down, after a failure too.
CALLBACK_STATE = {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}


@contextmanager
def unchanged_if_it_fails(estimator):
    """Give a context that puts the estimator's attributes back as they were if an exception leaves it."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        kept = {name: value for name, value in vars(estimator).items() if name in CALLBACK_STATE}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        raise


def has_stochastic_solver(estimator):
    """Tell whether partial_fit is available; raise what scikit-learn raises where it is not."""
    if estimator.solver not in OPTIMIZERS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class Data(NamedTuple):
    """Validated data: y as the loss takes it, labels as they were given."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    labels: np.ndarray

    @property
    def n_rows(self):
        """Rows of X."""
        return self.X.shape[0]

    def overflows(self, dtype):
        """Tell whether X has values beyond the range of `dtype`."""
        values = self.X.data if issparse(self.X) else self.X
        return bool(max(values.max(initial=0), -values.min(initial=0)) > np.finfo(dtype).max)

    def take(self, rows):
        """Give some of the rows."""
        return Data(*(part if part is None else part[rows] for part in self))


class Rows:
    """Some rows of X, gathered when a slice of them is asked for."""

    def __init__(self, X, rows):
        self.X, self.rows = X, rows
        self.shape = len(rows), X.shape[1]

    def __getitem__(self, part):
        return self.X[self.rows[part]]


class BaseMLP(Versioned, CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the multi-layer perceptrons; a subclass says what y is and which loss it has."""

    # Where the question mark of the HTML representation leads.
    _doc_link_module = "sknn6"
    _doc_link_template = "https://sknn6.readthedocs.io/en/stable/api/sknn6.{estimator_name}.html"

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), str],
        "activation": [among(ACTIVATIONS), Activation, list, tuple],
        "depth": [None, Interval(Integral, 1, None, closed="left")],
        "init": [among(INITIALIZERS, "auto"), callable],
        "init_scale": [Interval(Real, 0, None, closed="left")],
        "batchnorm": ["boolean", among(NORMALIZATIONS)],
        "batchnorm_momentum": [Interval(Real, 0, 1, closed="right")],
        "batchnorm_group_size": [Interval(Integral, 1, None, closed="left")],
        "layernorm": ["boolean"],
        "residual": ["boolean"],
        "ensemble_size": [AUTO, Interval(Integral, 1, None, closed="left")],
        "input_scaling": [StrOptions({"auto", "learned"}), "boolean"],
        "dropout": [AUTO, Interval(Real, 0, 1, closed="left")],
        "weight_decay": [AUTO, Interval(Real, 0, None, closed="left")],
        "gradient_accumulation_steps": [Interval(Integral, 1, None, closed="left")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "solver": [among(OPTIMIZERS, "lbfgs")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [AUTO, Interval(Integral, 1, None, closed="left")],
        "learning_rate": [among(SCHEDULES, "auto")],
        "learning_rate_init": [AUTO, Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [AUTO, Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "track": [None, StrOptions({"layers"})],
        "checkpoint": [None, str, PathLike],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "scoring": [None, StrOptions(set(get_scorer_names())), callable],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"})],
    }

    # What "auto" stands for, by the name of the parameter, with the solvers for which it is not PLAIN.
    _recipes: dict[str, dict] = {}

    def _value(self, name):
        """Give a parameter, or what the solver's recipe has for it where it is "auto"."""
        value = getattr(self, name)
        return self._recipe[name] if isinstance(value, str) and value == "auto" else value

    @property
    def _recipe(self):
        return self._recipes.get(self.solver, PLAIN)

    def _assign(self, arguments):
        """Set the parameters: the arguments of __init__, as `locals()` gives them there."""
        vars(self).update({name: value for name, value in arguments.items() if name != "self"})

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on X and y, from fresh weights unless `warm_start` is set.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. An array of float32 or float64 is not copied.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative. A weight of 2 counts as two equal samples, in the loss and
            in the statistics of batch normalisation.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data. Loss and score on them are recorded in `history_`; with `early_stopping` they
            take the place of samples held out. In a Pipeline, ``transform_input=["X_val"]`` prepares them.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Their targets; needed with X_val.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight is not what it needs to be.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` ends the training, or the loss stops being finite; the model then has the weights
            of the last epoch with finite ones.
        """
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"X_val and y_val must be given together, got {given} without {missing}.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val, got neither.")
        validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation=validation)

    def _fit(self, X, y, sample_weight, *, incremental=False, validation=None):
        with unchanged_if_it_fails(self):
            return self._fit_or_fail(X, y, sample_weight, incremental, validation)

    def _fit_or_fail(self, X, y, sample_weight, incremental, validation):
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.checkpoint is not None and self.solver not in OPTIMIZERS:
            raise ValueError(
                "checkpoint needs a solver whose training can be taken up again, one of "
                f"{sorted(OPTIMIZERS)}, got {self.solver!r}."
            )
        resume = hasattr(self, "coefs_") and (self.warm_start or incremental)
        data, structure, network = self._compose(X, y, sample_weight, resume, incremental)
        if validation is not None:
            validation = self._validate_held_out(*validation, network.dtype)

        def attributes():
            return self._fitted(network, structure, data.X.dtype)

        callbacks = Callbacks(self, 1 if incremental else self._value("max_iter"), X, y, sample_weight)
        with products_share_cores(), np.errstate(all="ignore"):
            if self.solver == "lbfgs":
                self._fit_lbfgs(network, attributes, data, validation, callbacks)
            else:
                self._fit_stochastic(network, attributes, data, validation, callbacks, incremental)
        if self.n_iter_ == 0 and data.overflows(network.dtype):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                f"need to be preprocessed: X reaches beyond the range of {network.dtype}."
            )
        vars(self).update(attributes())
        callbacks.end()
        return self

    @property
    def switchable_weights_(self) -> NDArray:
        """The learned weights of batchnorm="switchable", an ndarray of shape (n_hidden_layers, 2, 3).

        For each hidden layer the weights of the mean and of the covariance, which sum to 1 over the last
        axis: batch whitening, batch normalisation, layer normalisation. With an `ensemble_size` of more than
        1, there is a leading axis of the networks.
        """
        state = getattr(self, "layer_state_", {})
        if "switchablewhitening_0.mean_logits" not in state:
            raise AttributeError(
                f"{type(self).__name__} has switchable_weights_ only after a fit with batchnorm='switchable'."
            )
        logits = np.array(
            [
                [state[f"switchablewhitening_{i}.{kind}_logits"] for kind in ("mean", "cov")]
                for i in range(len(self.coefs_) - 1)
            ]
        )
        if logits.ndim > 3:  # each (ensemble_size, 1, 3)
            logits = np.moveaxis(logits[..., 0, :], 2, 0)
        return softmax(logits, axis=-1)

    # Before the training

    def _compose(self, X, y, sample_weight, resume, incremental=False):
        """Validate the data and compose the network for them; give data, structure and network.

        The network has fresh weights or, where a training is to go on, those that are fitted.
        """
        dtype = np.dtype("float64" if self.solver == "lbfgs" else self.dtype)
        data = self._validate(X, y, sample_weight, dtype, reset=not resume, incremental=incremental)
        self._begin(resume)
        structure = self._structure_for(data.X.shape[1])
        if resume:
            self._check_same(structure)
        return data, structure, self._network(structure, dtype, resume)

    @abstractmethod
    def _define_targets(self, y, redefine):
        """Set what describes y, or check that y is like what is set."""

    @abstractmethod
    def _encode(self, y, dtype):
        """Give y as the loss takes it."""

    def _weigh(self, sample_weight, y, incremental):
        """Give the weights of the samples, None if all are 1."""
        return sample_weight

    @abstractmethod
    def _strata(self, y):
        """Give what the rows held out for early stopping are stratified by, or None."""

    @abstractmethod
    def _loss(self):
        """Give the loss, `loss(Z, y, weight) -> (loss, dZ)`, with the estimator's parameters."""

    @abstractmethod
    def _score(self, Z, y, weight):
        """Give the score of logits for encoded targets; early stopping keeps the highest."""

    def _validate(self, X, y, sample_weight, dtype, reset, incremental):
        X, y = validate_data(
            self, X, y, **CHECKS, multi_output=True, y_numeric=is_regressor(self), reset=reset
        )
        if sample_weight is not None:
            sample_weight = check_nonzero_weight(sample_weight, X)
        self._define_targets(y, redefine=reset and not incremental)
        encoded = self._encode(y, dtype)
        return Data(X, encoded, self._weigh(sample_weight, y, incremental), y)

    def _validate_held_out(self, X, y, sample_weight, dtype):
        X, y = validate_data(
            self, X, y, **CHECKS, multi_output=True, y_numeric=is_regressor(self), reset=False
        )
        if sample_weight is not None:
            sample_weight = check_nonzero_weight(sample_weight, X)
        return Data(X, self._encode(y, dtype), sample_weight, y)

    def _begin(self, resume):
        """Set what a training counts and collects, afresh or where it is missing."""
        # The same at each fit if random_state is a number, so that warm starts hold out the same rows.
        self._split_seed = seed = check_random_state(self.random_state).randint(2**31 - 1)
        start = {
            "t_": 0,
            "history_": [],
            "loss_": np.inf,
            "_no_improvement_count": 0,
            "_plateaus": 0,
            "_rng": np.random.default_rng(seed),
        }
        if self.solver == "lbfgs":
            for name in STOCHASTIC_ATTRIBUTES:
                self.__dict__.pop(name, None)
        else:
            early = self.early_stopping
            start |= {
                "best_loss_": None if early else np.inf,
                "best_validation_score_": -np.inf if early else None,
                "loss_curve_": [],
                "validation_scores_": [] if early else None,
            }
        for name, value in start.items():
            kept = getattr(self, name, None) if resume else None
            # Copied, so that a fit that fails leaves the lists and the generator as they were.
            setattr(self, name, value if kept is None else copy.deepcopy(kept))

    def _hidden_layers(self):
        """Give the units of each hidden layer: hidden_layer_sizes, `depth` times over."""
        sizes = self.hidden_layer_sizes
        try:
            if isinstance(sizes, str):
                sizes = [int(size) for size in sizes.split("-")]
            sizes = [operator.index(size) for size in np.atleast_1d(np.array(sizes, dtype=object))]
        except (TypeError, ValueError):
            raise InvalidParameterError(
                "hidden_layer_sizes must be an int, a sequence of ints, or a string such as '256-128', "
                f"got {self.hidden_layer_sizes!r}."
            ) from None
        if min(sizes, default=1) <= 0:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {self.hidden_layer_sizes!r}.")
        return sizes * (self.depth or 1)

    def _activations(self, n_hidden):
        """Give the activation of each hidden layer, each of them known."""
        if not isinstance(self.activation, list | tuple):
            return [self.activation] * n_hidden
        known = [act in ACTIVATIONS if isinstance(act, str) else isinstance(act, Activation)
                 for act in self.activation]  # fmt: skip
        if len(known) != n_hidden or not all(known):
            raise InvalidParameterError(
                f"activation, as a list, must have one entry a hidden layer, here {n_hidden}, each an "
                f"Activation or a name among {sorted(ACTIVATIONS)}; got {self.activation!r}."
            )
        return list(self.activation)

    def _structure_for(self, n_features):
        """Give the arguments of `perceptron` that prediction needs too."""
        hidden = self._hidden_layers()
        return {
            "n_inputs": n_features,
            "hidden": hidden,
            "n_outputs": self.n_outputs_,
            "activation": self._activations(len(hidden)),
            "batchnorm": self._normalization(),
            "batchnorm_group_size": self.batchnorm_group_size,
            "layernorm": bool(self.layernorm),
            "residual": bool(self.residual),
            "members": int(self._value("ensemble_size")),
            "learned_scale": self._value("input_scaling") == "learned",
        }

    def _normalization(self):
        """Give the name of the normalisation over the batch, None if there is none."""
        if isinstance(self.batchnorm, str):
            return self.batchnorm
        return "batch" if self.batchnorm else None

    def _warn_of_init(self, network, activations):
        """Warn of initial weights that the hidden layers cannot learn well from."""
        given = f"init={self.init!r} with init_scale={self.init_scale}"
        hidden = [layer.W for layer in network.dense()[:-1]]
        if any(W.shape[-1] > 1 and (W[..., :1] == W).all() for W in hidden):
            warn_user(
                f"{given} starts all units of a hidden layer the same. They get the same gradient and stay "
                "the same for ever; use init='auto'."
            )
            return
        shrinking = [act for act in map(find_activation, activations) if act.gain > 1.1 and "he" in act.init]
        normalised = self.batchnorm or self.layernorm
        if self.init in ("xavier_uniform", "xavier_normal") and shrinking and not normalised:
            warn_user(
                f"{given} is made for activations like tanh. With {shrinking[0].forward.__name__}, of gain "
                f"{shrinking[0].gain:.2f}, the activations shrink from layer to layer. Use init='auto' or "
                "'he_uniform'."
            )

    def _network(self, structure, dtype, resume):
        """Compose the network, with fresh weights or those that are fitted."""
        # L-BFGS needs a loss that is the same at each evaluation, so nothing is dropped; it sees all data at
        # once, so the averages need no memory.
        whole = self.solver == "lbfgs"
        network = perceptron(
            **structure,
            init=self.init,
            init_scale=float(self.init_scale),
            batchnorm_momentum=1.0 if whole else float(self.batchnorm_momentum),
            dropout=0.0 if whole else float(self._value("dropout")),
            rng=self._rng,
            input_scaling=self._fitted_scaling() if resume else None,
        ).allocate(dtype)
        if resume:
            network.load(self._arrays())
        else:
            network.initialize(self._rng)
            self._warn_of_init(network, structure["activation"])
        return network

    def _check_same(self, structure):
        """Raise if a training that goes on is to have another network than the one that was fitted."""
        before = getattr(self, "_structure", structure)  # coefs_ may have been set by hand
        scaled = self._fitted_scaling() is not None
        before = before | {"input_scaling": "learned" if before.get("learned_scale") else scaled}
        structure = structure | {"input_scaling": self._value("input_scaling")}
        parameters = {"hidden": "hidden_layer_sizes and depth", "members": "ensemble_size"}
        for name in (
            "batchnorm", "batchnorm_group_size", "layernorm", "residual", "hidden", "members", "input_scaling"
        ):  # fmt: skip
            fitted, now = before[name], structure[name]
            if fitted != now:
                parameter = parameters.get(name, name)
                raise ValueError(
                    f"A training that goes on needs the {parameter} that the network was fitted with, "
                    f"{fitted!r}, got {now!r}. Fit anew with warm_start=False."
                )

    # The training

    def _fit_stochastic(self, network, attributes, data, validation, callbacks, incremental):
        keeps = self.checkpoint is not None and not incremental
        file = TrainingFile(self, network, data, validation) if keeps else None
        rows = None
        if self.early_stopping and validation is None:
            rows, validation = self._hold_out(data)
        self._scale_input(network, data, rows)
        batches = self._make_batches(data, rows, network)
        update = self._make_update(network, resume=incremental)
        epochs = 1 if incremental else self._value("max_iter")
        self.n_iter_ = 0
        if not incremental:
            self._plateaus = 0
        monitor = Monitor(self, network, attributes, batches, validation, callbacks)
        if file is not None:
            file.begin(monitor, update)
        with Interrupts() as interrupts:
            records = train(
                network,
                self._loss(),
                update,
                batches,
                learning_rate=interrupts.checked(self._rates(incremental)),
                alpha=self.alpha,
                epochs=epochs,
                done=self.n_iter_,
                accumulation=self.gradient_accumulation_steps,
            )
            monitor.follow(records, update, epochs, incremental, interrupts, file)
        if monitor.diverged or monitor.torn:
            self._optimizer_state = None  # it led to what is not finite, or is not that of the weights
        else:
            self._keep_optimizer(update, data.X.dtype)

    def _fit_lbfgs(self, network, attributes, data, validation, callbacks):
        self._scale_input(network, data)
        whole = Batches(
            data.X, data.y, data.weight, data.n_rows, network.dtype, scaling=network.input_scaling
        )
        monitor = Monitor(self, network, attributes, whole, validation, callbacks)
        self.n_iter_ = 0
        started = perf_counter()

        def end_iteration(loss):
            record = {"loss": loss, "seconds": perf_counter() - started}
            self.n_iter_ += 1
            callbacks.begin_epoch()
            monitor.take_down(record)
            stop = callbacks.end_epoch(attributes)
            # L-BFGS has a criterion of its own for the training loss.
            if stop or (monitor.watches_validation and monitor.stops(rate=0.0)):
                raise StopIteration

        result = minimize(
            network,
            self._loss(),
            whole,
            alpha=self.alpha,
            max_iter=self._value("max_iter"),
            max_fun=self.max_fun,
            tol=self.tol,
            callback=end_iteration,
        )
        self.n_iter_, self.loss_ = result.nit, float(result.fun)
        if not (np.isfinite(self.loss_) and network.isfinite()):
            monitor.warn_diverged()
        elif not (result.success or monitor.stopped or callbacks.stopped):
            monitor.warn_not_converged(f"lbfgs: {result.message}")
        if monitor.watches_validation:
            monitor.restore_best()

    def _hold_out(self, data):
        """Draw the rows for early stopping; give the other rows and the data held out."""
        strata = self._strata(data.y)
        self._check_parts(data.n_rows, strata)
        rows, held_out = train_test_split(
            np.arange(data.n_rows),
            test_size=self.validation_fraction,
            random_state=self._split_seed,
            stratify=strata,
        )
        if data.weight is not None and not data.weight[rows].any():
            raise ValueError(
                "The training set has no sample with a weight > 0. Decrease 'validation_fraction' or give "
                f"more of them: got {np.count_nonzero(data.weight)}, all held out with a validation_fraction "
                f"of {self.validation_fraction}."
            )
        copied = self.scoring is not None or issparse(data.X)  # a scorer takes arrays only
        X = data.X[held_out] if copied else Rows(data.X, held_out)
        y, weight, labels = (part if part is None else part[held_out] for part in data[1:])
        if weight is not None and not weight.any():
            weight = None
        return rows, Data(X, y, weight, labels)

    def _check_parts(self, n_rows, strata):
        """Raise if there are too few rows for two parts, two rows or more held out, all strata in both."""
        held_out = math.ceil(self.validation_fraction * n_rows)
        least = [2, 1]
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            # Of a class of one row, which cannot be in both, train_test_split tells.
            least = [max(2, len(counts)), len(counts)] if counts.min() > 1 else [1, 1]
        for part, size, needed, change in (
            ("validation", held_out, least[0], "Increase"),
            ("training", n_rows - held_out, least[1], "Decrease"),
        ):
            if size < needed:
                raise ValueError(
                    f"The {part} set is too small. {change} 'validation_fraction' or give more rows: it "
                    f"needs {needed}, got {size} of {n_rows} rows, a validation_fraction of "
                    f"{self.validation_fraction}."
                )

    def _scale_input(self, network, data, rows=None):
        """Learn from the rows how to scale the input, if it is to be scaled and the network does not know."""
        if network.input_scaling is not None or not self._value("input_scaling"):
            return
        scaler = StandardScaler(with_mean=not issparse(data.X))
        block = max(1, SCALING_BLOCK * data.n_rows // max(1, data.X.size))  # sparse rows are short
        for part in gen_batches(data.n_rows if rows is None else len(rows), block):
            part = data.take(part if rows is None else rows[part])
            # scikit-learn sums the squares of sparse float32 in float32, where they may overflow.
            X = part.X.astype(np.float64) if issparse(part.X) else part.X
            scaler.partial_fit(X, sample_weight=part.weight)
        mean = scaler.mean_ if scaler.with_mean else np.zeros(data.X.shape[1])
        network.input_scaling = InputScaling(*(a.astype(data.X.dtype) for a in (mean, scaler.scale_)))

    def _make_batches(self, data, rows, network):
        """Make the mini-batches of the rows that are trained on."""
        n_rows = data.n_rows if rows is None else len(rows)
        if self.batch_size != "auto" and self.batch_size > n_rows:
            warn_user(
                f"batch_size={self.batch_size} is larger than the {n_rows} samples to train on: "
                "all of them make one batch."
            )
        if self.batchnorm and self.batch_size == 1 < n_rows:
            warn_user(
                "batchnorm needs batches of two samples or more, got batch_size=1: a single sample is "
                "normalised by running averages, which then nothing changes."
            )
        return Batches(
            data.X,
            data.y,
            data.weight,
            self._batch_rows(n_rows),
            network.dtype,
            self._rng if self.shuffle else None,
            merge_tail=bool(self.batchnorm),
            rows=rows,
            scaling=network.input_scaling,
        )

    def _batch_rows(self, n_samples):
        return min(self._value("batch_size"), n_samples)

    def _make_update(self, network, resume):
        """Make the solver's update, with the state that the last partial_fit left if it fits."""
        kind = OPTIMIZERS[self.solver]
        names = [name for name in signature(kind).parameters if name != "theta"]
        optimizer = kind(network.theta, **{name: getattr(self, name) for name in names})
        kept = (resume and getattr(self, "_optimizer_state", None)) or {}
        if (kept.get("solver"), kept.get("size")) == (self.solver, network.theta.size):
            optimizer.t = kept["t"]
            for name, vector in optimizer.state.items():
                vector[:] = kept[name]
        return Update(
            network,
            optimizer,
            clip_norm=self.clip_norm,
            weight_decay=float(self._value("weight_decay")),
            ema_decay=float(self.ema_decay),
            lead=kept.get("lead") if optimizer.t else None,
        )

    def _schedule(self, incremental=False):
        """Give the schedule, which is constant where it has no say."""
        name = self._value("learning_rate")
        unplanned = incremental and name in ALONG_MAX_ITER
        if unplanned or (name in FOR_SGD and self.solver != "sgd"):
            name = "constant"
        return SCHEDULES[name]

    def _rates(self, incremental=False):
        """Give a function that gives the learning rate after a fraction of the training."""
        schedule, initial = self._schedule(incremental), float(self._value("learning_rate_init"))
        return lambda fraction: schedule(Progress(initial, fraction, self.t_, self._plateaus, self.power_t))

    # After the training

    def _fitted(self, network, structure, dtype):
        """Give the fitted attributes that a network amounts to, in the dtype of X, held to its range."""
        most = np.finfo(dtype).max
        arrays = {
            name: np.clip(array, -most, most, out=np.empty(array.shape, dtype), casting="same_kind")
            for name, array in network.arrays().items()
        }
        n_dense = len(structure["hidden"]) + 1
        coefs = [arrays.pop(f"dense_{i}.W") for i in range(n_dense)]
        intercepts = [arrays.pop(f"dense_{i}.b") for i in range(n_dense)]
        scaling = network.input_scaling
        if scaling is not None:
            arrays |= {"input.mean": scaling.mean, "input.scale": scaling.scale}
        return {
            "_structure": structure,
            "n_layers_": n_dense + 1,
            "coefs_": coefs,
            "intercepts_": intercepts if network.members == 1 else [b[:, 0] for b in intercepts],
            "layer_state_": arrays,
        }

    def _keep_optimizer(self, update, dtype):
        """Keep the optimizer's state for the next partial_fit, in no more bits than the weights."""
        optimizer = update.optimizer
        self._optimizer_state = {"solver": self.solver, "size": update.network.theta.size, "t": optimizer.t}
        vectors = optimizer.state if update.lead is None else optimizer.state | {"lead": update.lead}
        for name, vector in vectors.items():
            narrow = min(dtype, vector.dtype, key=lambda kind: kind.itemsize)
            self._optimizer_state[name] = vector.astype(narrow, copy=False)

    def _arrays(self):
        """Name the fitted arrays as `Network.arrays` does; coefs_ and intercepts_ may be the user's."""
        arrays = dict(getattr(self, "layer_state_", {}))
        for i, (W, b) in enumerate(zip(self.coefs_, self.intercepts_, strict=True)):
            arrays |= {f"dense_{i}.W": W, f"dense_{i}.b": b if np.ndim(W) == 2 else np.expand_dims(b, 1)}
        return arrays

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coefs_")

    def _map(self, X, finish):
        """Validate X and give what `finish` makes of its logits, which are in the dtype of X."""
        if not (self.__sklearn_is_fitted__() and is_valid(X, self)):
            check_is_fitted(self)
            X = validate_data(self, X, **CHECKS, reset=False)
        with np.errstate(all="ignore"):  # a float64 weight beyond the range of float32 is infinite, for one
            return self._fitted_network(X.dtype).predict_in_blocks(X, finish)

    def _fitted_network(self, dtype):
        """Compose the network of the fitted arrays, to predict in that dtype."""
        network = perceptron(**self._structure, input_scaling=self._fitted_scaling())
        return network.attach(self._arrays(), dtype)

    def _fitted_scaling(self):
        """Give what the fitted network does to its input, None if nothing."""
        state = getattr(self, "layer_state_", {})
        return InputScaling(state["input.mean"], state["input.scale"]) if "input.mean" in state else None

    def _pool(self, Z):
        """Give the logits that those of all members amount to."""
        return Z if Z.ndim == 2 else POOLS[self.out_activation_](Z)

    def __copy__(self):
        """Share the attributes, without the packing of a pickle."""
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        return new

    def __getstate__(self):
        """Pack what is there for later trainings and for looking back, so that a pickle is mostly weights."""
        state = super().__getstate__()
        if "history_" in state:
            records = state["history_"]
            for curve, key in CURVES.items():
                if state.get(curve) == [record.get(key) for record in records]:
                    state[curve] = key
            state["history_"] = pack(records)
        if state.get("_optimizer_state"):
            state["_optimizer_state"] = squeeze(state["_optimizer_state"])
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "history_" in state:
            self.history_ = unpack(state["history_"])
            for curve, key in CURVES.items():
                if state.get(curve) == key:
                    setattr(self, curve, [record[key] for record in self.history_])
        if state.get("_optimizer_state"):
            self._optimizer_state = expand(state["_optimizer_state"])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
