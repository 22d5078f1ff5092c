"""Following a training: take each epoch down, tell the callbacks, decide when to stop, keep the best."""

import copy
from contextlib import contextmanager

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from sknn6._sklearn_compat import takes_weights
from sknn6.estimators.interrupts import Interrupted
from sknn6.estimators.symptoms import SAMPLE, warn_of_symptoms
from sknn6.estimators.warn import warn_user
from sknn6.nn.observe import LayerTracker
from sknn6.nn.schedules import adaptive

__all__ = ["Monitor"]

# With learning_rate="adaptive", a training stops at the plateau after the rate has come down to this.
SMALLEST_ADAPTIVE_RATE = 1e-6

# Rows that track="layers" looks at, fewest and most.
TRACKED_ROWS = 64, 256


class Monitor:
    """What goes on between the epochs of a fit.

    Parameters
    ----------
    estimator : BaseMLP
        Its counts, curves and history are written to.
    network : Network
        The network in training.
    attributes : callable
        Gives the fitted attributes that the network amounts to at present.
    batches : Batches
        What it is trained on.
    validation : Data or None
        What to score, and if `early_stopping` is set, to stop by.
    callbacks : Callbacks
    """

    def __init__(self, estimator, network, attributes, batches, validation, callbacks):
        self.estimator, self.network, self.attributes = estimator, network, attributes
        self.batches, self.tracker = batches, None
        self.validation, self.callbacks = validation, callbacks
        self.watches_validation = estimator.early_stopping and validation is not None
        self.diverged = self.torn = self.stopped = False
        self.first, self.unchanged = len(estimator.history_), False
        self.scorer = estimator.scoring and check_scoring(estimator, estimator.scoring)
        self.best, self.last = None, network.snapshot()
        if self.watches_validation and not hasattr(estimator, "validation_scores_"):
            # L-BFGS, which has these only with validation data of the user's.
            estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
        if self.watches_validation and hasattr(estimator, "coefs_") and estimator.history_:
            # A training that goes on has to beat the weights it starts from, by today's score.
            estimator.best_validation_score_ = self.evaluate()["validation_score"]
            self.best = network.snapshot()
        if estimator.track:
            n_rows = np.clip(batches.n_samples // 50, *TRACKED_ROWS)
            self.tracker = LayerTracker(network, batches.sample(int(n_rows))[0].copy())

    def follow(self, records, update, max_epochs, incremental, interrupts, file=None):
        """Let the training run until it is to stop; leave the best, or the last finite, weights."""
        network, done = self.network, self.estimator.n_iter_
        try:
            for epoch in range(max_epochs if self.stopped else done, max_epochs):
                interrupts.check()
                ends = self.ends_with(records, update, incremental)
                if file is not None and not self.diverged:
                    file.save(self, update, at_once=ends or epoch + 1 == max_epochs)
                if ends:
                    break
            else:
                if not (incremental or self.stopped) and self.ends_early(max_epochs):
                    self.warn_not_converged(f"max_iter={max_epochs} epochs were run")
            interrupts.check()
        except Interrupted:
            if network.isfinite() and update.isfinite():
                with self.presentable(update, incremental):
                    self.last = network.snapshot(into=self.last)
            self.warn_interrupted("the last whole update")
        except KeyboardInterrupt:  # one that did not wait: an update may be half done
            self.torn = True
            self.warn_interrupted("the last whole epoch")
        network.restore(self.last)
        if not (incremental or self.diverged) and self.records:
            warn_of_symptoms(self)
        if self.watches_validation:
            self.restore_best()

    def ends_with(self, records, update, incremental):
        """Follow an epoch; tell whether the training ends with it."""
        estimator, network = self.estimator, self.network
        self.callbacks.begin_epoch()
        record = next(records)
        if not (np.isfinite(record["loss"]) and network.isfinite() and update.isfinite()):
            self.warn_diverged()
            return True
        estimator.n_iter_ += 1
        estimator.t_ += self.batches.n_samples
        with self.presentable(update, incremental):
            if not self.records:
                W = slice(network.n_decayed)
                self.unchanged = np.array_equal(network.theta[W], self.last[0][W])
            self.last = network.snapshot(into=self.last)
            self.take_down(record)
            stops = self.callbacks.end_epoch(self.attributes)
        return not incremental and (self.stops(record["learning_rate"]) or stops)

    @contextmanager
    def presentable(self, update, incremental):
        """Give a context in which the network is as it would predict, were this the end of the training."""
        averages = update.average is not None
        settled = self.network.settled(self.batches, averages, rows_per_unit=8 * incremental)
        with update.averaged(), settled:
            yield

    @property
    def records(self):
        """What was taken down in this training."""
        return self.estimator.history_[self.first :]

    @property
    def sample(self):
        """Rows that are trained on, as the first layer gets them."""
        return self.batches.sample(SAMPLE)[0]

    def ends_early(self, epochs):
        """Tell whether that many epochs are too few: the rate was not to be 0 yet, or "auto" takes more."""
        estimator = self.estimator
        left_to_recipe = estimator.learning_rate == "auto"
        return estimator._rates()(1.0) > 0 or (left_to_recipe and epochs < estimator._recipe["max_iter"])

    def restore_best(self):
        """Put back the weights of the best validation score; without a score that is a number, leave them."""
        if self.best is None and self.records:
            warn_user(
                "No validation score was a number, so early stopping kept the last weights. Look at scoring "
                "and at the validation data, which may be too few or of one class.",
                ConvergenceWarning,
            )
        elif self.best is not None:
            self.network.restore(self.best)

    def take_down(self, record):
        """Write an epoch to the curves and the history, and count those without improvement."""
        estimator = self.estimator
        record = {"epoch": len(estimator.history_) + 1, **record, **self.evaluate()}
        if self.tracker is not None:
            record |= self.tracker()
        estimator.history_.append(record)
        estimator.loss_ = record["loss"]
        self.report(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        if hasattr(estimator, "loss_curve_"):
            estimator.loss_curve_.append(estimator.loss_)
        if self.watches_validation:
            merit, best = record["validation_score"], estimator.best_validation_score_
            estimator.validation_scores_.append(merit)
            self.report(f"Validation score: {merit:f}")
            if merit > best:
                estimator.best_validation_score_, self.best = merit, self.network.snapshot(into=self.best)
        elif hasattr(estimator, "best_loss_"):
            merit, best = -estimator.loss_, -estimator.best_loss_
            estimator.best_loss_ = min(estimator.best_loss_, estimator.loss_)
        else:
            return
        # A score that is not a number is no improvement.
        improves = merit >= best + estimator.tol
        estimator._no_improvement_count = 0 if improves else estimator._no_improvement_count + 1

    def evaluate(self):
        """Give loss and score of the validation data, where there are such data."""
        if self.validation is None:
            return {}
        X, y, weight, labels = self.validation
        Z = self.network.predict_in_blocks(X, self.estimator._pool)
        if self.scorer is None:
            score = self.estimator._score(Z, y, weight)
        else:
            weights = {} if weight is None or not takes_weights(self.scorer) else {"sample_weight": weight}
            score = float(self.scorer(self.present_model(), X, labels, **weights))
        return {"validation_loss": self.estimator._loss()(Z, y, weight)[0], "validation_score": score}

    def present_model(self):
        """Give a fitted copy of the estimator that takes X as it was validated, without column names."""
        model = copy.copy(self.estimator)
        vars(model).update(self.attributes())
        vars(model).pop("feature_names_in_", None)
        return model

    def stops(self, rate):
        """Tell whether to stop: at a plateau, unless the schedule answers it with a lower rate."""
        estimator = self.estimator
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        watched = "Validation score" if self.watches_validation else "Training loss"
        message = (
            f"{watched} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        if estimator._schedule() is not adaptive or rate <= SMALLEST_ADAPTIVE_RATE:
            self.report(f"{message} Stopping.")
            self.stopped = True
            return True
        estimator._plateaus += 1
        self.report(f"{message} Setting learning rate to {estimator._rates()(0.0):f}")
        estimator._no_improvement_count = 0
        return False

    def report(self, message):
        """Print a line if the estimator is verbose."""
        if self.estimator.verbose:
            print(message)

    def warn_diverged(self):
        """Tell that the loss or the weights are not finite, and what may help."""
        self.diverged, estimator = True, self.estimator
        warn_user(
            f"The training diverged in epoch {estimator.n_iter_ + 1}: the loss or weights were not finite. "
            "The last finite weights are kept. Scale the input (Standardizer), or lower learning_rate_init "
            f"(it is {estimator._value('learning_rate_init')}) or init_scale (it is {estimator.init_scale}).",
            ConvergenceWarning,
        )

    def warn_not_converged(self, what):
        """Tell what ended the training before it stopped improving."""
        warn_user(
            f"{what}, and the training hasn't converged yet. Raise max_iter, or tol to accept it sooner.",
            ConvergenceWarning,
        )

    def warn_interrupted(self, moment):
        """Tell that the user ended the training, and which weights there are."""
        done = self.estimator.n_iter_
        warn_user(f"Training interrupted by user after {done} epochs; the model has the weights of {moment}.")
