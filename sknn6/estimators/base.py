"""What the estimators share: parameters, the course of a fit, and what is kept of it."""

import operator
import warnings
from abc import ABC, abstractmethod
from inspect import signature
from numbers import Integral, Real
from time import perf_counter

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn6._sklearn_compat import (
    Interval,
    Options,
    StrOptions,
    check_nonzero_weight,
    fit_context,
)
from sknn6.estimators.threads import limit_blas_threads
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.losses import LOSSES
from sknn6.nn.network import perceptron
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES, Progress
from sknn6.nn.training import Batches, Update, minimize, train

# Numbers in the widest layer's output for one block of rows at prediction: 2**18 float64 are 2 MB.
PREDICTION_BLOCK = 2**18

# With learning_rate="adaptive", a training stops at the plateau after the rate has come down to this.
SMALLEST_ADAPTIVE_RATE = 1e-6

# What a stochastic solver reports and L-BFGS does not, as in scikit-learn.
STOCHASTIC_ATTRIBUTES = (
    "best_loss_",
    "best_validation_score_",
    "loss_curve_",
    "validation_scores_",
)


def has_stochastic_solver(estimator):
    """Tell whether partial_fit is available; raise what scikit-learn raises where it is not."""
    if estimator.solver not in OPTIMIZERS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(BaseEstimator, ABC):
    """Base of the multi-layer perceptrons; a subclass says what y is and which loss it has."""

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left"), str],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "depth": [None, Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"auto", *INITIALIZERS})],
        "init_scale": [Interval(Real, 0, None, closed="left")],
        "batchnorm": ["boolean"],
        "batchnorm_momentum": [Interval(Real, 0, 1, closed="right")],
        "solver": [StrOptions({"lbfgs", *OPTIMIZERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
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

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        depth=None,
        init="auto",
        init_scale=1.0,
        batchnorm=False,
        batchnorm_momentum=0.1,
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
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="float32",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.depth = depth
        self.init = init
        self.init_scale = init_scale
        self.batchnorm = batchnorm
        self.batchnorm_momentum = batchnorm_momentum
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
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
        return self._fit(X, y, sample_weight, incremental=False)

    def _partial_fit(self, X, y, sample_weight):
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, incremental=True)

    def _fit(self, X, y, sample_weight, incremental):
        resume = hasattr(self, "coefs_") and (self.warm_start or incremental)
        dtype = np.dtype("float64" if self.solver == "lbfgs" else self.dtype)
        X, y, weight = self._validate(X, y, sample_weight, dtype, resume, incremental)
        self._begin(resume)
        structure = self._structure_for(X.shape[1])
        network = self._network(structure, dtype, resume)
        batch_rows = X.shape[0] if self.solver == "lbfgs" else self._batch_rows(X.shape[0])
        largest_product = batch_rows * max(layer.W.size for layer in network.dense())
        with limit_blas_threads(largest_product), np.errstate(all="ignore"):
            if self.solver == "lbfgs":
                self._fit_lbfgs(network, X, y, weight)
            else:
                self._fit_stochastic(network, X, y, weight, incremental)
        self._keep(network, structure, X.dtype)
        return self

    # Before the training

    @abstractmethod
    def _encode(self, y, dtype, redefine):
        """Give y as the loss takes it; set what describes it unless it has to match what is set."""

    @abstractmethod
    def _strata(self, y):
        """Give what the rows held out for early stopping are stratified by, or None."""

    @abstractmethod
    def _score(self, network, X, y, weight):
        """Give the score of a network on validated data; early stopping keeps the highest."""

    def _validate(self, X, y, sample_weight, dtype, resume, incremental):
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=not resume,
        )
        y = self._encode(y, dtype, redefine=not resume and not incremental)
        if sample_weight is None:
            return X, y, None
        return X, y, check_nonzero_weight(sample_weight, X).astype(dtype, copy=False)

    def _begin(self, resume):
        """Set what a training counts and collects, afresh or where it is missing."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        start = {
            "t_": 0,
            "history_": [],
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
            if not (resume and hasattr(self, name)):
                setattr(self, name, value)

    def _hidden_layers(self):
        """Give the units of each hidden layer: hidden_layer_sizes, `depth` times over."""
        sizes = self.hidden_layer_sizes
        try:
            if isinstance(sizes, str):
                sizes = [int(size) for size in sizes.split("-")]
            sizes = [operator.index(size) for size in np.atleast_1d(np.array(sizes, dtype=object))]
        except (TypeError, ValueError):
            raise ValueError(
                "hidden_layer_sizes must be an int, a sequence of ints, or a string such as '256-128', "
                f"got {self.hidden_layer_sizes!r}."
            ) from None
        if min(sizes, default=1) <= 0:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes * (self.depth or 1)

    def _structure_for(self, n_features):
        """Give the arguments of `perceptron` that prediction needs too."""
        return {
            "n_inputs": n_features,
            "hidden": self._hidden_layers(),
            "n_outputs": self.n_outputs_,
            "activation": self.activation,
            "batchnorm": bool(self.batchnorm),
        }

    def _network(self, structure, dtype, resume):
        """Compose the network, with fresh weights or those that are fitted."""
        network = perceptron(
            **structure,
            init=self.init,
            init_scale=float(self.init_scale),
            # L-BFGS sees all data at once, so the averages need no memory.
            batchnorm_momentum=1.0 if self.solver == "lbfgs" else float(self.batchnorm_momentum),
        ).allocate(dtype)
        if resume:
            network.load(self._arrays())
        else:
            network.initialize(self._rng)
        return network

    # The training

    def _fit_stochastic(self, network, X, y, weight, incremental):
        X, y, weight, validation = self._split(X, y, weight)
        if self.batch_size != "auto" and self.batch_size > X.shape[0]:
            warnings.warn(
                f"batch_size={self.batch_size} is larger than the {X.shape[0]} samples to train on: "
                "all of them make one batch.",
                stacklevel=5,
            )
        optimizer = self._make_optimizer(network.theta, resume=incremental)
        batches = Batches(
            X,
            y,
            weight,
            self._batch_rows(X.shape[0]),
            network.theta.dtype,
            self._rng if self.shuffle else None,
            merge_tail=self.batchnorm,
        )
        records = train(
            network,
            LOSSES[self.out_activation_].loss,
            Update(network, optimizer),
            batches,
            learning_rate=self._rate,
            alpha=self.alpha,
            epochs=1 if incremental else self.max_iter,
        )
        self.n_iter_ = 0
        self._follow(records, network, batches.n_samples, validation, incremental)
        self._keep_optimizer(optimizer, X.dtype)

    def _split(self, X, y, weight):
        """Hold out rows for early stopping."""
        if not self.early_stopping:
            return X, y, weight, None
        arrays = [X, y] if weight is None else [X, y, weight]
        parts = train_test_split(
            *arrays,
            test_size=self.validation_fraction,
            random_state=int(self._rng.integers(2**31 - 1)),
            stratify=self._strata(y),
        )
        held_out = parts[1::2]
        if held_out[0].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        X, y, weight = (*parts[::2], None)[:3]
        return X, y, weight, (*held_out, None)[:3]

    def _batch_rows(self, n_samples):
        return min(200 if self.batch_size == "auto" else self.batch_size, n_samples)

    def _make_optimizer(self, theta, resume):
        """Make the solver's optimizer, with the state that the last partial_fit left if it fits."""
        kind = OPTIMIZERS[self.solver]
        names = [name for name in signature(kind).parameters if name != "theta"]
        optimizer = kind(theta, **{name: getattr(self, name) for name in names})
        kept = getattr(self, "_optimizer_state", None)
        if resume and kept and kept["solver"] == self.solver:
            optimizer.t = kept["t"]
            for name, vector in optimizer.state.items():
                vector[:] = kept[name]
        return optimizer

    def _rate(self, fraction):
        """Give the learning rate after that fraction of the training."""
        progress = Progress(float(self.learning_rate_init), fraction, self.t_, self._plateaus, self.power_t)
        return SCHEDULES[self.learning_rate](progress)

    def _follow(self, records, network, n_samples, validation, incremental):
        """Let the training run until it is to stop; leave the best, or the last finite, weights."""
        best = last = network.snapshot()
        try:
            for record in records:
                if not (np.isfinite(record["loss"]) and network.isfinite()):
                    network.restore(last)
                    self._warn_diverged()
                    break
                last = network.snapshot()
                self.n_iter_ += 1
                self.t_ += n_samples
                if self._record(record, network, validation):
                    best = last
                if not incremental and self._stops(record["learning_rate"]):
                    break
            else:
                # A schedule that has come down to 0 was planned to end here.
                if not incremental and self._rate(1.0) > 0:
                    self._warn_not_converged(f"max_iter={self.max_iter} epochs were run")
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        if validation is not None:
            network.restore(best)

    def _record(self, record, network, validation):
        """Take down an epoch, count those without improvement, and tell whether it is the best so far."""
        self.loss_ = record["loss"]
        self.loss_curve_.append(self.loss_)
        self._report(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if validation is None:
            merit, best = -self.loss_, -self.best_loss_
            self.best_loss_ = min(self.best_loss_, self.loss_)
        else:
            merit, best = self._score(network, *validation), self.best_validation_score_
            self.validation_scores_.append(merit)
            record = record | {"validation_score": merit}
            self._report(f"Validation score: {merit:f}")
            self.best_validation_score_ = max(best, merit)
        self._no_improvement_count = self._no_improvement_count + 1 if merit < best + self.tol else 0
        self.history_.append({"epoch": len(self.history_) + 1, **record})
        return merit > best

    def _stops(self, rate):
        """Tell whether to stop: at a plateau, unless the schedule answers it with a lower rate."""
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        self._plateaus += 1
        watched = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{watched} did not improve more than tol={self.tol:f} "
            f"for {self.n_iter_no_change} consecutive epochs."
        )
        lowered = self._rate(self.n_iter_ / self.max_iter)
        if self.learning_rate != "adaptive" or rate <= SMALLEST_ADAPTIVE_RATE:
            self._report(f"{message} Stopping.")
            return True
        self._report(f"{message} Setting learning rate to {lowered:f}")
        self._no_improvement_count = 0
        return False

    def _fit_lbfgs(self, network, X, y, weight):
        started = perf_counter()

        def record(loss):
            epoch = len(self.history_) + 1
            self.history_.append({"epoch": epoch, "loss": loss, "seconds": perf_counter() - started})
            self._report(f"Iteration {epoch}, loss = {loss:.8f}")

        result = minimize(
            network,
            LOSSES[self.out_activation_].loss,
            Batches(X, y, weight, X.shape[0], network.theta.dtype),
            alpha=self.alpha,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            callback=record,
        )
        self.n_iter_, self.loss_ = result.nit, float(result.fun)
        if not np.isfinite(self.loss_):
            self._warn_diverged()
        elif not result.success:
            self._warn_not_converged(f"lbfgs: {result.message}")

    # What is said during it

    def _report(self, message):
        if self.verbose:
            print(message)

    def _warn_diverged(self):
        warnings.warn(
            f"The training diverged in epoch {self.n_iter_ + 1}: the loss or the weights were not finite. "
            "The last finite weights are kept. Scale the input (Standardizer), or lower learning_rate_init "
            f"(it is {self.learning_rate_init}) or init_scale (it is {self.init_scale}).",
            ConvergenceWarning,
            stacklevel=7,
        )

    def _warn_not_converged(self, what):
        warnings.warn(
            f"{what}, and the training hasn't converged yet. Raise max_iter, or tol to accept it sooner.",
            ConvergenceWarning,
            stacklevel=7,
        )

    # After the training

    def _keep(self, network, structure, dtype):
        """Take the fitted arrays over from the network, in the dtype of X, whose range they are held to."""
        most = np.finfo(dtype).max
        arrays = {name: array.clip(-most, most).astype(dtype) for name, array in network.arrays().items()}
        self._structure = structure
        self.n_layers_ = len(structure["hidden"]) + 2
        n_dense = self.n_layers_ - 1
        self.coefs_ = [arrays.pop(f"dense_{i}.W") for i in range(n_dense)]
        self.intercepts_ = [arrays.pop(f"dense_{i}.b") for i in range(n_dense)]
        self.layer_state_ = arrays

    def _keep_optimizer(self, optimizer, dtype):
        """Keep the optimizer's state for the next partial_fit, in no more bits than the weights."""
        self._optimizer_state = {"solver": self.solver, "t": optimizer.t}
        for name, vector in optimizer.state.items():
            narrow = min(dtype, vector.dtype, key=lambda kind: kind.itemsize)
            self._optimizer_state[name] = vector.astype(narrow, copy=False)

    def _arrays(self):
        """Name the fitted arrays as `Network.arrays` does; coefs_ and intercepts_ may be the user's."""
        arrays = dict(getattr(self, "layer_state_", {}))
        for i, (W, b) in enumerate(zip(self.coefs_, self.intercepts_, strict=True)):
            arrays |= {f"dense_{i}.W": W, f"dense_{i}.b": b}
        return arrays

    def _logits(self, X):
        """Validate X and map it to logits, a block of rows at a time, in the dtype of X."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        network = perceptron(**self._structure).attach(self._arrays(), X.dtype)
        return predict_in_blocks(network, X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def predict_in_blocks(network, X):
    """Map X to logits a block of rows at a time; logits that overflow become finite ones.

    A logit that cannot be told (inf - inf) becomes 0. The probabilities of a network with huge weights
    are thus finite for every finite X.
    """
    widest = max(layer.fan_out for layer in network.dense())
    rows = max(1, PREDICTION_BLOCK // widest)
    with np.errstate(all="ignore"):
        blocks = [
            network.predict(X[start : start + rows].astype(network.dtype, copy=False))
            for start in range(0, X.shape[0], rows)
        ]
    Z = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if not np.isfinite(Z).all():
        np.nan_to_num(Z, copy=False)
    return Z
