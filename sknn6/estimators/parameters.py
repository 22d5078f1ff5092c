"""The parameters that the estimators share: what they may be, and what the docstrings say of them."""

from collections import ChainMap
from inspect import cleandoc, signature
from numbers import Integral, Real
from os import PathLike
from textwrap import dedent
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names

from sknn6._sklearn_compat import Interval, Options, StrOptions
from sknn6.estimators.recipes import RECIPES
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.initializers import INITIALIZERS, SKLEARN
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES

__all__ = ["AUTO", "SHARED_CONSTRAINTS", "among", "documented"]

AUTO = StrOptions({"auto"})


def among(registry: dict[str, Any], *others: str) -> StrOptions:
    """Return a constraint: the names of a registry, those that are added to it later too, and others."""
    return StrOptions(ChainMap(dict.fromkeys(others), registry).keys())


SHARED_CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), str],
    "activation": [among(ACTIVATIONS), Activation, list, tuple],
    "depth": [None, Interval(Integral, 1, None, closed="left")],
    "init": [among(INITIALIZERS, "auto", SKLEARN), callable],
    "init_scale": [Interval(Real, 0, None, closed="left")],
    "batchnorm": ["boolean", among(NORMALIZATIONS)],
    "batchnorm_momentum": [Interval(Real, 0, 1, closed="right")],
    "batchnorm_group_size": [Interval(Integral, 1, None, closed="left")],
    "layernorm": ["boolean"],
    "residual": ["boolean"],
    "recipe": [among(RECIPES, "auto")],
    "ensemble_size": [AUTO, Interval(Integral, 1, None, closed="left")],
    "input_scaling": [StrOptions({"auto", "learned"}), "boolean"],
    "categorical_features": [None, StrOptions({"from_dtype"}), "array-like"],
    "numeric_embedding": [AUTO, None, StrOptions({"piecewise"})],
    "ensemble_selection": [AUTO, "boolean"],
    "dropout": [AUTO, Interval(Real, 0, 1, closed="left")],
    "weight_decay": [AUTO, Interval(Real, 0, None, closed="left"), "array-like"],
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
    "scoring": [None, among(dict.fromkeys(get_scorer_names())), callable],
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

# What the docstrings of the estimators say of the parameters that they share.
SHARED_PARAMETERS = """\
    hidden_layer_sizes : int, sequence of int, str or "auto", default={hidden_layer_sizes}
        Units of the hidden layers: a width, a sequence of widths, or a string of widths such as "256-128",
        which a search can hold. An empty sequence makes a linear model. "auto" is 128-128 with few rows,
        192-192 from 5000 rows on, and 100 with plain values.
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
        orthogonal, then scaled layer by layer until the outputs on a sample have variance 1; "sklearn",
        weights and biases of each layer uniform up to sqrt(6 / (fan_in + fan_out)), with the activation
        "logistic" sqrt(2 / (fan_in + fan_out)); or a function ``f(rng, fan_in, fan_out, gain) -> W``, of
        shape (fan_in, fan_out), or (fan_in + 1, fan_out) with the biases as the last row. Biases start at 0
        otherwise. "auto" is "sklearn" with the plain recipe, and so with "sgd" and "lbfgs"; with those of
        "adam", the uniform law of He for the ReLU family, LeCun's normal law for selu, and the uniform law
        of Xavier for the others and the output.
    init_scale : float, default=1.0
        Factor on the initial weights, and on biases that are drawn with them.
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
    recipe : {"auto", "plain", "modern", "modern_regression", "modern_quantiles"}, default="auto"
        The values of the parameters that are "auto": "plain" has those of scikit-learn, "modern",
        "modern_regression" and "modern_quantiles" those that the classifier, the regressor and the regressor
        with loss="quantile" have with "adam". "auto" is one of these with "adam", and "plain" with the other
        solvers. From 5000 rows on, "modern" and "modern_regression" have other values.
    ensemble_size : int or "auto", default={ensemble_size}
        Networks that are trained side by side, each from weights of its own, and whose predictions are
        averaged. With more than one, the arrays of `coefs_`, `intercepts_` and `layer_state_` have a leading
        axis of them. It takes about as many times as long to train.
    input_scaling : bool, "learned" or "auto", default={input_scaling}
        Whether to standardise each feature by its mean and standard deviation in the training data, and bend
        outliers inwards, z / sqrt(1 + (z / 3)^2), before the first layer. A training that goes on, such as by
        `partial_fit`, learns them from the first 1000 rows, and of a feature that was constant in these, from
        the first rows in which it varies. Sparse data are not centred. "learned" multiplies each feature by a
        factor besides, 1 at first, which is learned at six times the rate: 6 times
        ``layer_state_["dense_0.u"]``.
    categorical_features : "from_dtype", array-like or None, default={categorical_features}
        Which columns of X hold categories. By "from_dtype", those of a data frame that hold strings or have
        a category dtype, as in `sklearn.ensemble.HistGradientBoostingClassifier`; otherwise a mask, numbers
        or names of the columns. A category is known by its text. In a column of up to 32 categories, each
        gets a 0 or 1 of its own; in one of more, a learned vector of 8 numbers (Guo & Berkhahn, 2016,
        arXiv:1604.06737). Categories of fewer than 3 rows and those that `fit` has not seen are one
        category; missing ones are another. A missing number (NaN, None, pandas.NA) becomes the mean of its
        column, and a column that has some at `fit` gets an indicator of them. `partial_fit` keeps what its
        first call has found. With None, all columns must be numbers, and none may be missing.
    numeric_embedding : "piecewise", None or "auto", default={numeric_embedding}
        Whether the first layer gets, beside each feature of more than two values, its position in each of up
        to 48 intervals between quantiles of the training data, so that it can bend and jump where the data
        are (Gorishniy et al., 2022, arXiv:2203.05556). All features together get about 256 of them, with at
        least ten rows each, and none if that makes fewer than three a feature. A training that begins with
        `partial_fit` has none unless it is asked for, for they are those of the first call. `coefs_[0]` has a
        row for each column of the embedded input. For dense X.
    ensemble_selection : bool or "auto", default={ensemble_selection}
        Whether to hold out `validation_fraction` of the rows, and keep of the `ensemble_size` networks those
        that together predict them best (Caruana et al., 2004). `ensemble_members_` has their numbers.
    dropout : float or "auto", default={dropout}
        Fraction of each hidden layer's activations that are set to 0 in training, 0 to < 1. Not used by
        "lbfgs", whose loss must not change from one evaluation to the next.
    weight_decay : float, sequence of float or "auto", default={weight_decay}
        Decoupled decay: each update first multiplies the weights by 1 - rate weight_decay. A sequence has a
        number for each of the networks. Like the next three, for the stochastic solvers.
    gradient_accumulation_steps : int, default=1
        Mini-batches to an update. Their gradients are averaged by sample count, so that the update is that
        of one big batch; but batch normalisation sees each mini-batch by itself.
    clip_norm : float or None, default=None
        A gradient of a larger Euclidean norm is scaled down to this, that of each network by itself.
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
        The rate that the schedule starts from. Where "auto" is 0.02, it is that for a `fit` from fresh
        weights; a training that goes on takes 0.001, and one that begins with `partial_fit` 0.02 times the
        root of b / B, b the rows of an update, at most B, the recipe's `batch_size`.
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
        ``scorer(estimator, X, y)``; None is what `score` gives. Weights of samples count, those of classes
        do not. Between equal scores the lower validation loss decides.
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
