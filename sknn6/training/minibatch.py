"""Training on mini-batches: the one loop over the epochs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from sknn6.nn.descent import GradientDescent
from sknn6.nn.network import Snapshot
from sknn6.nn.program import Program
from sknn6.training.checkpointing import TrainingFile
from sknn6.training.interrupts import Interrupted, Interrupts
from sknn6.training.symptoms import warn_of_symptoms
from sknn6.training.training import Training

__all__ = ["train_in_batches"]

# partial_fit computes the statistics for prediction anew from chunks with at least this many rows per unit of
# a whitened group; for smaller chunks it uses the running averages.
ROWS_PER_UNIT = 8


def train_in_batches(training: Training, interrupts: Interrupts) -> None:
    """Train until all epochs are done or the training stops; keep the best weights, or the last whole ones.

    Parameters
    ----------
    training : Training
    interrupts : Interrupts
        They are checked before each update, or before each slice of a compiled epoch.

    Warns
    -----
    ConvergenceWarning
        If the training diverges, has not converged after `max_iter` epochs, or has a symptom.
    """
    network, state, settings = training.network, training.state, training.settings
    last = network.snapshot()
    if training.file is not None:
        last = begin_file(training, training.file, last)
    try:
        with interrupts.waiting_for(1):
            descent = descent_of(training)
            while state.n_iter < settings.max_iter and not (state.stopped or state.diverged):
                interrupts.check()
                training.callbacks.begin_epoch()
                record = descent.run_epoch(partial(rate, training, state.n_iter), interrupts.check)
                last = end_epoch(training, interrupts, record, last)
    except Interrupted:
        if training.isfinite():
            with ready_to_predict(training):
                last = network.snapshot(into=last)
        average = "the average over the updates so far"
        interrupts.record_end(average if settings.ema_decay else "the last whole update")
    except KeyboardInterrupt:  # a second Ctrl-C does not wait, so an update may be incomplete
        training.torn = True
        interrupts.record_end("the last whole epoch")
    network.restore(last)
    if training.watches_validation and training.restore_best():
        interrupts.kept = "the best epoch so far"
    if not settings.incremental:
        warn_at_end(training, interrupts.ended_training)


def begin_file(training: Training, file: TrainingFile, last: Snapshot) -> Snapshot:
    """Resume the training in the file, if any, and write the file, unless the training is finished.

    Returns
    -------
    tuple of ndarray
        A snapshot of the last weights of the training, ready for prediction.

    Raises
    ------
    ValueError
        If the file is damaged or cannot be written.
    """
    saved = file.take()
    if saved is not None:
        try:
            last = training.restore(saved, last)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # not what `saved` returns
            raise file.damaged(error) from error
        if training.state.stopped or training.state.n_iter == training.settings.max_iter:
            return last
    file.begin(training.saved(last))
    return last


def descent_of(training: Training) -> GradientDescent | Program:
    """Return the gradient descent of a training, in its compiled form if it has one."""
    settings, update = training.settings, training.update
    assert update is not None  # only L-BFGS has none
    descent = GradientDescent(
        training.network,
        training.targets.loss,
        update,
        training.batches,
        settings.alpha,
        settings.gradient_accumulation_steps,
    )
    return Program.of(descent) or descent


def end_epoch(training: Training, interrupts: Interrupts, record: dict[str, Any], last: Snapshot) -> Snapshot:
    """Record an epoch, decide whether to stop, and save; return a snapshot of the last finite weights.

    Ctrl-C may interrupt what takes long, such as a scorer of the user's, but not leave half a record.
    """
    network, state, file = training.network, training.state, training.file
    if not (np.isfinite(record["loss"]) and training.isfinite()):
        training.warn_diverged()
        return last
    with ready_to_predict(training):
        record |= training.measure()
        with interrupts.held_back():
            if not state.records:
                weights = slice(network.n_decayed)
                state.unchanged = np.array_equal(network.theta[weights], last[0][weights])
            last = network.snapshot(into=last)
            state.n_iter += 1
            state.t += training.batches.n_samples
            training.record_epoch(record)
            training.end_cycle()
        asked_to_stop = training.callbacks.end_epoch(training.attributes)
    if not training.settings.incremental:
        state.stopped = training.stops(record["learning_rate"]) or asked_to_stop
    if file is not None:
        at_once = state.stopped or state.n_iter == training.settings.max_iter
        file.save(partial(training.saved, last), at_once)
    return last


def rate(training: Training, epoch: int, fraction: float) -> float:
    """Return the learning rate after `epoch` whole epochs and the given fraction of the next one.

    After a plateau it does not rise any more, as that of "one_cycle" otherwise would.
    """
    settings, state = training.settings, training.state
    planned = settings.rate(training.progress(epoch, fraction), state.t, state.plateaus)
    if state.plateau_at is None:
        return planned
    return min(planned, settings.rate(training.share_of_cycle(state.plateau_at, 0.0), state.t))


@contextmanager
def ready_to_predict(training: Training) -> Iterator[None]:
    """Return a context in which the network predicts as it would after the training.

    It has the averaged weights, and the statistics for prediction.
    """
    update = training.update
    assert update is not None
    rows_per_unit = ROWS_PER_UNIT if training.settings.incremental else 0
    with_statistics = training.network.recomputed_statistics(
        training.batches, update.average is not None, rows_per_unit=rows_per_unit
    )
    with update.averaged(), with_statistics:
        yield


def warn_at_end(training: Training, interrupted: bool) -> None:
    """Warn if the training has not converged within its epochs, and of symptoms."""
    state, settings = training.state, training.settings
    ended = state.stopped or state.diverged or interrupted
    # If the schedule ends at a rate of 0, `max_iter` was the planned end, which is nothing to warn of.
    if not ended and settings.rate(1.0, state.t, state.plateaus) > 0:
        training.warn_not_converged(f"max_iter={settings.max_iter} epochs were run")
    if state.records and not state.diverged:
        warn_of_symptoms(training)
