"""Training with L-BFGS, whose iterations are treated as epochs."""

from time import perf_counter

import numpy as np
from scipy.optimize import OptimizeResult

from sknn6.nn.lbfgs import minimize
from sknn6.training.interrupts import Interrupts
from sknn6.training.symptoms import warn_of_symptoms
from sknn6.training.training import Training

__all__ = ["train_with_lbfgs"]


def train_with_lbfgs(training: Training, interrupts: Interrupts) -> None:
    """Train until L-BFGS converges or early stopping ends it; keep the best or the last weights.

    Parameters
    ----------
    training : Training
    interrupts : Interrupts
        They are checked before each evaluation of the loss.

    Warns
    -----
    ConvergenceWarning
        If the numbers are not finite, L-BFGS does not converge, or the training has a symptom.
    """
    state, settings = training.state, training.settings
    started = perf_counter()

    def end_iteration(loss: float) -> None:
        nonlocal started
        training.callbacks.begin_epoch()
        record = {"loss": loss, "seconds": perf_counter() - started} | training.measure()
        with interrupts.held_back():
            state.n_iter += 1
            training.record_epoch(record)
        stop = training.callbacks.end_epoch(training.attributes)
        # For the training loss, L-BFGS has its own stopping criterion.
        state.stopped = stop or (training.watches_validation and training.stops(rate=0.0))
        if state.stopped:
            raise StopIteration
        started = perf_counter()

    result = minimize(
        training.network,
        interrupts.checked(training.targets.loss),
        training.batches,
        alpha=settings.alpha,
        max_iter=settings.max_iter,
        max_fun=settings.max_fun,
        tol=settings.tol,
        callback=end_iteration,
        interruptible=interrupts.waiting_for(1),
    )
    if result.get("interrupted"):
        interrupts.record_end("the last whole iteration")
    end(training, result, interrupts)


def end(training: Training, result: OptimizeResult, interrupts: Interrupts) -> None:
    """Record the result of L-BFGS, and warn if it diverged, did not converge or shows a symptom."""
    state, settings = training.state, training.settings
    state.n_iter, state.loss = result.nit, float(result.fun) * training.targets.unit_of_loss
    if not (np.isfinite(state.loss) and training.isfinite()):
        training.warn_diverged()
    elif not (result.success or result.get("interrupted") or state.stopped):
        limit = "max_iter" if result.nit >= settings.max_iter else "max_fun"
        training.warn_not_converged(f"lbfgs: {result.message}", limit)
    if training.watches_validation and training.restore_best():
        interrupts.kept = "the best iteration so far"
    if not state.diverged and state.records:
        warn_of_symptoms(training)
