"""What the tests of clusters search over: a step of a pipeline to whose fits something happens.

A module of its own, which workers import without the clusters' clients.
"""

import os
import signal
import time
from contextlib import suppress

from sklearn.base import BaseEstimator, TransformerMixin


class Eventful(TransformerMixin, BaseEstimator):
    """A step whose fits wait for company, or kill their process.

    Parameters
    ----------
    meeting : path or None
        A directory that each process leaves its id in; a fit waits until two have.
    death : path or None
        A file that has a fit kill its process, and is gone then unless it is `lasting`.
    lasting : bool
    victims : tuple of int
        Processes to be killed with it.
    home : int
        The process that is never killed.
    """

    def __init__(self, meeting=None, death=None, lasting=False, victims=(), home=None):
        self.meeting, self.death, self.lasting = meeting, death, lasting
        self.victims, self.home = victims, home

    def fit(self, X, y=None):
        if self.meeting is not None:
            self.meet()
        if self.death is not None and os.getpid() != self.home:
            with suppress(FileNotFoundError):
                (os.stat if self.lasting else os.remove)(self.death)
                self.die()
        return self

    def meet(self):
        (self.meeting / str(os.getpid())).touch()
        deadline = time.monotonic() + 30
        while len(list(self.meeting.iterdir())) < 2:
            assert time.monotonic() < deadline, "no second process came"
            time.sleep(0.01)

    def die(self):
        for process in {*self.victims} - {os.getpid()}:
            os.kill(process, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def transform(self, X):
        return X


def accuracy_and_process(estimator, X, y):
    """Return the accuracy and the process that computes it."""
    return {"accuracy": estimator.score(X, y), "process": os.getpid()}
