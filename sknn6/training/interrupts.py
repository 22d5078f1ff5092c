"""Delay Ctrl-C during a training until it leaves nothing half done.

Only the main thread receives signals. A training in another thread ends when an event says so (`ended_by`).
"""

import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import Any, Self

from sknn6.loops import called_in_loop
from sknn6.nn.annotations import Array, LossFunction
from sknn6.warn import warn_user

__all__ = ["Interrupted", "Interrupts", "ended_by"]

END_EVENT: ContextVar[Event | None] = ContextVar("END_EVENT", default=None)


@contextmanager
def ended_by(event: Event) -> Iterator[None]:
    """Return a context in which the trainings of this thread end, as by Ctrl-C, once the event is set."""
    before = END_EVENT.set(event)
    try:
        yield
    finally:
        END_EVENT.reset(before)


class Interrupted(KeyboardInterrupt):
    """An interrupt that was delayed until the end of an update."""


class Interrupts:
    """A context in which Ctrl-C is counted, and interrupts only where that leaves nothing half done.

    An interrupt within an update would leave only some of the weights updated; elsewhere it could leave BLAS
    limited to one thread, or only some of the fitted attributes set. So the signal only increases a counter,
    until the counter exceeds `patience`. Signals are counted only in the main thread, which alone receives
    them, and only if the program has no handler of its own.

    Attributes
    ----------
    presses : int
        Number of signals so far.
    patience : int or inf
        Number of signals that are delayed. The next one raises KeyboardInterrupt, later ones are delayed
        again.
    kept : str
        The weights that the model has, for the message.
    """

    def __init__(self) -> None:
        self.presses = 0
        self.patience: float = math.inf
        self.before: Any = None  # the handler of the signal before
        self.kept, self.ended_training = "the last whole update", False

    def __enter__(self) -> Self:
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default and current_thread() is main_thread():
            self.before = signal.signal(signal.SIGINT, self.count)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def count(self, number: int, frame: FrameType | None) -> None:
        """Count a signal; raise KeyboardInterrupt if there are more than `patience`."""
        self.presses += 1
        if self.presses > self.patience:
            self.patience = math.inf
            raise KeyboardInterrupt

    @contextmanager
    def waiting_for(self, presses: int) -> Iterator[None]:
        """Return a context in which only the given number of signals is delayed."""
        self.patience = presses
        try:
            yield
        finally:
            self.patience = math.inf

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Return a context in which all signals are delayed."""
        before, self.patience = self.patience, math.inf
        try:
            yield
        finally:
            self.patience = before

    def check(self) -> None:
        """Raise Interrupted if there has been a signal, or the event of `ended_by` is set."""
        event = END_EVENT.get()
        if self.presses or (event is not None and event.is_set()):
            raise Interrupted

    def checked(self, function: LossFunction) -> LossFunction:
        """Return a function that calls `check` first."""

        def run(*args: Any) -> tuple[float, Array]:
            self.check()
            return function(*args)

        return run

    def record_end(self, kept: str) -> None:
        """Record that an interrupt ended the training, and which weights are kept."""
        self.ended_training, self.kept = True, kept

    def report(self, epochs: int) -> None:
        """Report an interrupt, if there was one: raise KeyboardInterrupt if `fit` is in a loop, else warn.

        After a mere warning, a loop would go on with its next fit. Outside of a loop, an exception would lose
        the model of ``model = MLPClassifier().fit(X, y)``.
        """
        if not (self.presses or self.ended_training):
            return
        message = (
            f"Training interrupted by user after {epochs} epochs; the model has the weights of {self.kept}."
        )
        if called_in_loop(sys._getframe(1)):
            raise KeyboardInterrupt(message)
        warn_user(message)
