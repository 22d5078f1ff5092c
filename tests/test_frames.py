"""How deep the calls are between `fit` and a matrix product."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import sknn6
from sknn6 import MLPClassifier
from sknn6.nn import dense
from sknn6.nn.program import Program

ROOT = str(Path(sknn6.__file__).parent) + os.sep

X = np.random.default_rng(0).normal(size=(20, 3))
y = np.arange(20) % 2

# A step of the way each: the public method, the course of a fit, the epochs, the updates, the mean over
# mini-batches, the layers, one layer.
FRAMES = 7


def own_frames():
    """Return the names of the functions of sknn6 that are being called, the innermost first."""
    names, frame = [], sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


@pytest.mark.filterwarnings("ignore:max_iter")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("recipe", ["plain", "modern"])
def test_few_calls_lead_from_fit_to_the_first_product(monkeypatch, recipe, method):
    """The first product whose callers include `run_epoch`: nothing but a training step makes it."""
    found = []

    def watched(gemm):
        def product(*args, **kwargs):
            names = own_frames()
            if "run_epoch" in names:
                found.append(names)
            return gemm(*args, **kwargs)

        return product

    monkeypatch.setattr(dense, "GEMM", {dtype: watched(gemm) for dtype, gemm in dense.GEMM.items()})
    monkeypatch.setattr(Program, "of", lambda descent: None)  # in which there are no calls
    model = MLPClassifier(4, recipe=recipe, max_iter=1, random_state=0)
    arguments = {"classes": [0, 1]} if method == "partial_fit" else {}
    getattr(model, method)(X, y, **arguments)
    assert found[0][-1] == method
    assert len(found[0]) <= FRAMES, found[0]
