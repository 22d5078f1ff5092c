"""The parameters that the estimators share: their constraints and their documentation."""

from collections import ChainMap
from inspect import cleandoc, signature
from numbers import Integral, Real
from os import PathLike
from textwrap import dedent
from typing import Any, TypeVar

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

Estimator = TypeVar("Estimator")


def among(registry: dict[str, Any], *others: str) -> StrOptions:
    """Return the constraint that allows the names of a registry, also those added later, and others."""
    return StrOptions(ChainMap(dict.fromkeys(others), registry).keys())


SHARED_CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), str],
    "activation": [among(ACTIVATIONS, "auto"), Activation, list, tuple],
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
    "snapshots": [AUTO, Interval(Integral, 1, None, closed="left")],
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
    "validation_fraction": [AUTO, Interval(Real, 0, 1, closed="left")],
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

# The documentation of the shared parameters, for the docstrings of the estimators.
SHARED_PARAMETERS = """\
    hidden_layer_sizes : int, sequence of int, str or "auto", default={hidden_layer_sizes}
        Units of the hidden layers: a width, a sequence of widths, or a string of widths such as "256-128",
        which can be a category of a search. An empty sequence makes a linear model. "auto" is 128-128 with
        few rows, 160-160 from 5000 rows on (not with the loss "quantile"), and 100 with the plain recipe.
    activation : str, Activation or list of them, default="auto"
        Nonlinearity of the hidden layers: "identity", "logistic" (also "sigmoid"), "tanh", "relu",
        "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus"; "maxout", whose units have
        two linear maps each, so that `coefs_` are twice as wide; an `Activation` of your own; or a list with
        one entry per hidden layer. "auto" is "relu", but "silu" in a classifier from 5000 rows on; always
        "relu" with the plain recipe and in a training that begins with `partial_fit`.
    depth : int or None, default=None
        How often the hidden layers of `hidden_layer_sizes` are repeated; None means once. If
        `hidden_layer_sizes` is a single width, this is the number of hidden layers.
    init : str or callable, default="auto"
        Distribution of the initial weights:

        - "zeros", "normal" (standard normal), "uniform" (from -1 to 1), "xavier_uniform", "xavier_normal",
          "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal";
        - "lsuv": orthogonal, then scaled layer by layer until the outputs for a sample of the data have
          variance 1;
        - "sklearn": weights and biases of each layer uniform with the bound sqrt(6 / (fan_in + fan_out)), or
          sqrt(2 / (fan_in + fan_out)) with the activation "logistic";
        - a function ``f(rng, fan_in, fan_out, gain) -> W``, with W of shape (fan_in, fan_out), or
          (fan_in + 1, fan_out) with the biases as the last row;
        - "auto": "sklearn" with the plain recipe, which "sgd" and "lbfgs" use; with the other recipes, He's
          uniform distribution for the ReLU family, LeCun's normal one for selu, and Xavier's uniform one for
          other activations and for the output.

        Biases start at 0 where nothing else is said.
    init_scale : float, default=1.0
        Factor by which the initial weights are multiplied, and the biases that are drawn with them.
    batchnorm : bool, "batch", "whiten" or "switchable", default=False
        How to normalise each hidden layer over the batch, before the nonlinearity. True or "batch": by the
        mean and variance of each unit. "whiten": by the covariance of groups of units, so that the units are
        uncorrelated. "switchable": by a mixture of these two and layer normalisation, with learned weights,
        see `switchable_weights_`. A last batch of less than half the batch size is joined with the one before
        it. A batch of one row is normalised as in prediction.
    batchnorm_momentum : float, default=0.1
        Weight of a new batch in the running averages that prediction uses, above 0 and at most 1. Not used by
        "lbfgs", which sees all samples at once.
    batchnorm_group_size : int, default=16
        Number of units in a group of "whiten" and "switchable". Batches should have several times as many
        samples.
    layernorm : bool, default=False
        Whether to normalise each sample over the units of each hidden layer, before the nonlinearity and
        after `batchnorm`, if both are used.
    residual : bool, default=False
        Whether to add shortcuts: from the second hidden layer on, the output of the linear map of the layer
        before is added to that of the layer's own linear map, through a learned projection if the widths
        differ. These are pre-norm residual blocks; with `layernorm` or `batchnorm`, networks of tens of
        layers can be trained.
    recipe : str, default="auto"
        The values of the parameters that are "auto". "plain" has those of scikit-learn. "modern" is made for
        the classifier, "modern_regression" for the regressor, "modern_quantiles" for its loss "quantile", and
        "modern_positive" for its losses "poisson" and "gamma". "auto" means one of these four with "adam",
        and "plain" with the other solvers. From 5000 rows on, all of them but "plain" and "modern_quantiles"
        have other values. The user guide, "Defaults", has a table of all values.
    ensemble_size : int or "auto", default={ensemble_size}
        Number of networks that are trained side by side from different initial weights. Their predictions are
        averaged. If several are kept, the arrays of `coefs_`, `intercepts_` and `layer_state_` have a leading
        axis for them. The training time grows about in proportion. "auto" is 4, and 1 with the plain recipe.
    input_scaling : bool, "learned" or "auto", default={input_scaling}
        Whether to standardise each feature with its mean and standard deviation in the training data, and
        then compress outliers by z / sqrt(1 + (z / 3)^2), before the first layer. A continued training, for
        example by `partial_fit`, learns mean and deviation from the first 1000 rows; for a feature that is
        constant in these, from the first rows in which it varies. Sparse data are not centred. "learned" also
        multiplies each feature by a learned factor, which starts at 1. ``layer_state_["dense_0.u"]`` is a
        sixth of it, so that the factor learns six times as fast as a weight. "auto" is "learned", and False
        with the plain recipe.
    categorical_features : "from_dtype", array-like or None, default={categorical_features}
        Which columns of X hold categories. "from_dtype" means the columns of a data frame that hold strings
        or have a category dtype, as in `sklearn.ensemble.HistGradientBoostingClassifier`; otherwise a mask,
        indices or names of columns. A category is identified by its text. In a column of up to 32 categories,
        each becomes an indicator of 0 or 1; in a column of more, each becomes a learned vector of 8 numbers
        (Guo & Berkhahn, 2016, arXiv:1604.06737). Categories of fewer than 3 rows and categories that `fit`
        has not seen are treated as one category, missing values as another. A missing number (NaN, None,
        pandas.NA) is replaced by the mean of its column, and a column with missing numbers in `fit` gets an
        indicator of them. If `fit` saw neither categories nor missing numbers, and the input is not scaled
        (`input_scaling`), a missing number is refused later. `partial_fit` keeps what its first call has
        learned. With None, all columns must be numbers, and none may be missing.
    numeric_embedding : "piecewise", None or "auto", default={numeric_embedding}
        "piecewise" gives the first layer, beside each feature of more than two values, its position in each
        of several intervals between quantiles of the training data, so that the function of each feature can
        bend and jump where the data are (Gorishniy et al., 2022, arXiv:2203.05556). A feature has at most 48
        intervals, each with at least ten rows, and all features together have about 256. No embedding is made
        if fewer than three intervals per feature remain: with fewer than 30 rows or more than 85 numeric
        columns. `coefs_[0]` has a row for each column of the embedded input. X must be dense.
        "auto" is "piecewise" for the regressor, and for the classifier from 5000 rows on. It is None for the
        classifier with fewer rows, with the loss "quantile", with "poisson" and "gamma" below 5000 rows, with
        the plain recipe, for sparse X, and in a training that begins with `partial_fit`, because the
        quantiles would be those of the first call.
    ensemble_selection : bool or "auto", default={ensemble_selection}
        Whether to hold out `validation_fraction` of the rows, and to keep only those of the `ensemble_size`
        networks that together predict them best (Caruana et al., 2004). `ensemble_members_` has their
        indices. "auto" is True from 5000 rows on, and False with fewer rows, with the loss "quantile" and
        with the plain recipe.
    snapshots : int or "auto", default={snapshots}
        Number of cycles of the learning rate, each three times as long as the one before. The networks at the
        end of each cycle, where the rate has fallen, are candidates for the ensemble (Huang et al., 2017,
        arXiv:1704.00109). `fit` keeps the networks of one or more cycles: those that together predict unseen
        rows best. Unseen are held-out rows with `ensemble_selection`; otherwise each network leaves out a
        twentieth of the rows. So noisy data get networks that were trained for a shorter time. There is one
        cycle for schedules without an end and with early stopping and, unless a number is given, for a single
        network, fewer than 100 rows or fewer than 20 epochs. "auto" is 2 with fewer than 5000 rows, and 1
        from there on, with the losses "quantile", "poisson" and "gamma", and with the plain recipe.
    dropout : float or "auto", default={dropout}
        Fraction of the activations of each hidden layer that are set to 0 in training, from 0 to below 1. Not
        used by "lbfgs", which needs the same loss at each evaluation. "auto" is 0.1 for the classifier. For
        the regressor it is 0 with few rows and 0.05 from 5000 rows on; with the loss "quantile" it is always
        0.05, and with "poisson" and "gamma" it is 0.2 below 5000 rows. It is 0 with the plain recipe.
    weight_decay : float, sequence of float or "auto", default={weight_decay}
        Decoupled weight decay: each update first multiplies the weights by 1 - rate weight_decay. A sequence
        has one number for each network. "auto" is 0.1 with few rows (0.5 with the losses "poisson" and
        "gamma"), and the sequence 0.1, 0.4, 1.6, 6.4 from 5000 rows on (0.1 with the loss "quantile"). It is
        0 with the plain recipe. This parameter and the next three apply to the stochastic solvers.
    gradient_accumulation_steps : int, default=1
        Number of mini-batches per update. Their gradients are averaged by their number of samples, so that
        the update is that of one large batch, except that batch normalisation uses each mini-batch by itself.
    clip_norm : float or None, default=None
        A gradient with a larger Euclidean norm is scaled down to this norm, separately for each network.
    ema_decay : float, default=0.0
        Decay rate, from 0 to below 1, of an exponential moving average of the weights over the updates. The
        averaged weights are used for validation and at the end of the training; 0 means no average.
        `partial_fit` goes on from the averaged weights.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Adam, stochastic gradient descent with momentum, or L-BFGS on the whole data, always in float64.
    alpha : float, default=0.0001
        Strength of the L2 penalty. As in scikit-learn, the penalty is divided by the sum of the sample
        weights. With tiny weights, such as 1e-6 each, it outweighs the loss: scale them to a mean of 1.
    batch_size : int or "auto", default="auto"
        Number of samples in a mini-batch, or all samples if there are fewer. "auto" is 100 for the
        classifier and 128 for the regressor with few rows; 128 for both from 5000 rows on; 64 with the loss
        "quantile", and with "poisson" and "gamma" below 5000 rows; and 200 with the plain recipe.
    learning_rate : str, default={learning_rate}
        The schedule of the learning rate:

        - "constant": the same rate in all epochs;
        - "cosine": from the initial rate to 0 along a half cosine;
        - "one_cycle": up for 30 % of the epochs, then to 0 along a half cosine;
        - "step": divided by 10 after one half and again after three quarters of the epochs;
        - "invscaling": with "sgd", divided by (samples seen + 1)^power_t;
        - "adaptive": with "sgd", divided by 5 whenever `n_iter_no_change` epochs brought no improvement;
        - "auto": "cosine" for the classifier, "one_cycle" for the regressor, and "constant" with the plain
          recipe.

        In `fit`, "cosine", "one_cycle" and "step" are over `max_iter` epochs, or over each cycle of them
        (`snapshots`); in `partial_fit` they are constant. With "adam", "invscaling" and "adaptive" are
        constant, as in scikit-learn.
    learning_rate_init : float or "auto", default={learning_rate_init}
        The highest learning rate of the schedule. All but "one_cycle", which rises to it, start from it.
        "auto" is the value of the recipe in a `fit` from initial weights: 0.02 with few rows and with the
        loss "quantile", 0.01 from 5000 rows on, 0.001 with the plain recipe. With the modern recipes, a
        training that continues from the weights of a `fit` has 0.001, and one that begins with `partial_fit`
        has the recipe's value times sqrt(b / B), where b is the number of rows of an update, at most B, and B
        is the `batch_size` of the recipe.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "auto", default={max_iter}
        Largest number of epochs; for "lbfgs", of iterations. "auto" is 30 for the classifier and 40 for the
        regressor with few rows; from 5000 rows on it is 30 for both, and fewer beyond 7200 rows (but always
        40 with the loss "quantile"); and 200 with the plain recipe.
    shuffle : bool, default=True
        Whether each epoch has its own random order of the samples.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the order of the samples, dropout, and the choice of the rows that are
        held out or that single networks leave out.
    tol : float, default=0.0001
        An epoch is an improvement if the loss is lower, or the validation score higher, than the best so far
        by at least this much. With several cycles of the rate (`snapshots`), it is the best of this cycle.
    verbose : bool or int, default=False
        Whether to print one line per epoch.
    track : "layers" or None, default=None
        "layers" adds statistics of each layer to the records of `history_`, for layer i from 1 on, with the
        output layer last: "mean_i" and "std_i" of its output, the shares "saturated_i" and "dead_i" as in
        `sknn6.inspection.LayerStatistics`, "weight_norm_i", and "change_i", the norm of the change of the
        weights in the epoch divided by the norm of the weights. They are computed on a fiftieth of the rows,
        but at least 64 and at most 256, the same ones each time.
    checkpoint : path or None, default=None
        A file to which `fit` saves the training after epochs, in at most a twentieth of the time. A `fit`
        with the same parameters and data resumes from it, and ends with the weights of a training that was
        not interrupted. `max_iter` may be larger, unless `learning_rate` depends on it. For the stochastic
        solvers.
    warm_start : bool, default=False
        Whether `fit` continues from the present weights.
    momentum : float, default=0.9
        Momentum of "sgd", from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to hold out samples, end the training when the score on them does not improve (see
        `n_iter_no_change`), and keep the weights of the best epoch. With "lbfgs" it has an effect only if
        `fit` gets `X_val`. `partial_fit` does not support it.
    scoring : str, callable or None, default=None
        The score that early stopping maximises on the validation data: the name of a scorer or a callable
        ``scorer(estimator, X, y)``. None means the accuracy of a classifier, the R^2 of a regressor, or its
        mean D^2 with the loss "quantile". Sample weights count, class weights do not. Among equal scores, the
        lowest validation loss decides.
    validation_fraction : float or "auto", default="auto"
        Fraction of the samples that are held out for early stopping, unless `fit` is given validation data,
        and for ensemble selection, which the defaults make from 5000 samples on. "auto" is 0.1, and
        0.1 sqrt(5000 / n) if this call has n >= 5000 samples; always 0.1 with the loss "quantile", with the
        plain recipe and in a training that begins with `partial_fit`.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's averages of the gradient and of its square, from 0 to below 1.
    epsilon : float, default=1e-8
        Added to the denominator of Adam's step.
    n_iter_no_change : int or inf, default=10
        After more than this number of consecutive epochs without improvement there is a plateau. Schedules of
        the rate that follow a plan ("cosine", "one_cycle", "step") then run through the rest of it in
        half as many epochs, after which the training ends; "adaptive" divides the rate by 5; with the
        others the training stops at once. inf means that there is never a plateau.
    max_fun : int, default=15000
        Largest number of evaluations of the loss by "lbfgs".
    dtype : {"float32", "float64"}, default="float32"
        The dtype in which the stochastic solvers compute. Prediction computes in the dtype of its X. `coefs_`
        has the dtype of X in the last call, so a chunk of float32 rounds it.
"""


def documented(cls: type[Estimator]) -> type[Estimator]:
    """Insert the documentation of the shared parameters, with the defaults of the class, in its docstring."""
    if cls.__doc__ is not None:  # python -OO removes docstrings
        # cleandoc for all releases of Python; 3.13 removes the indentation itself.
        text = cleandoc(cls.__doc__).replace("{shared}\n", dedent(SHARED_PARAMETERS))
        for name, parameter in signature(cls).parameters.items():
            text = text.replace(f"{{{name}}}", repr(parameter.default).replace("'", '"'))
        cls.__doc__ = text
    return cls
