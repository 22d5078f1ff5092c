"""Ctrl-C during a training waits until nothing is half done."""

import signal
from threading import current_thread, main_thread

__all__ = ["Interrupted", "Interrupts"]


class Interrupted(KeyboardInterrupt):
    """An interrupt that has waited for the end of an update."""


class Interrupts:
    """A context in which Ctrl-C is kept until `check` is called, and a second one raises at once.

    An update that is cut short would leave some weights moved and others not. So, in the main thread, which
    alone gets signals, and unless the program has a handler of its own, the signal only leaves a mark here.

    Attributes
    ----------
    asked : bool
        Whether there was one.
    """

    def __init__(self):
        self.asked, self.before = False, None

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
        if self.asked:
            self.before(number, frame)
        self.asked = True

    def check(self):
        """Raise Interrupted if there was a signal."""
        if self.asked:
            raise Interrupted

    def checked(self, function):
        """Give a function that checks first."""

        def run(*args):
            self.check()
            return function(*args)

        return run
