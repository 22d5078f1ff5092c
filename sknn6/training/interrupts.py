"""Ctrl-C during a training waits until nothing is half done."""

import math
import signal
import sys
from contextlib import contextmanager
from threading import current_thread, main_thread

from sknn6.loops import called_in_loop
from sknn6.warn import warn_user

__all__ = ["Interrupted", "Interrupts"]


class Interrupted(KeyboardInterrupt):
    """An interrupt that has waited for the end of an update."""


class Interrupts:
    """A context in which Ctrl-C is counted, and raises only where that leaves nothing half done.

    An update that is cut short would leave some weights moved and others not, and so would the number of
    BLAS threads be left that a fit sets, or half of the fitted attributes. So, in the main thread, which
    alone gets signals, and unless the program has a handler of its own, the signal only adds to a count here,
    until there are more of them than `patience`.

    Attributes
    ----------
    presses : int
        How many there were.
    patience : int or inf
        How many of them wait. The next one raises KeyboardInterrupt, and all after it wait.
    kept : str
        Which weights the model has, for the message.
    """

    def __init__(self):
        self.presses, self.patience, self.before = 0, math.inf, None
        self.kept, self.ended_training = "the last whole update", False

    def __enter__(self):
        is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_default and current_thread() is main_thread():
            self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *exception):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def ask(self, number, frame):
        """Take a signal."""
        self.presses += 1
        if self.presses > self.patience:
            self.patience = math.inf
            raise KeyboardInterrupt

    @contextmanager
    def waiting_for(self, presses):
        """Return a context in which only so many signals wait."""
        self.patience = presses
        try:
            yield
        finally:
            self.patience = math.inf

    def check(self):
        """Raise Interrupted if there was a signal."""
        if self.presses:
            raise Interrupted

    def checked(self, function):
        """Return a function that checks first."""

        def run(*args):
            self.check()
            return function(*args)

        return run

    def ended(self, kept):
        """Take down that an interrupt has ended the training, and which weights are kept."""
        self.ended_training, self.kept = True, kept

    def tell(self, epochs):
        """Tell the user of an interrupt, if there was one: in a warning, or a loop by KeyboardInterrupt.

        A loop would go on to its next fit and lose the interrupt; without one, an error would lose the model
        of ``model = MLPClassifier().fit(X, y)``.
        """
        if not (self.presses or self.ended_training):
            return
        message = (
            f"Training interrupted by user after {epochs} epochs; the model has the weights of {self.kept}."
        )
        if called_in_loop(sys._getframe(1)):
            raise KeyboardInterrupt(message)
        warn_user(message)
