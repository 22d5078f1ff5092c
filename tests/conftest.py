"""Set up the tests: threads, seeds, and draws that do not depend on the order of the tests."""

import os
from pathlib import Path

import pytest
import seeds

if seeds.OFFSET:
    path = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Set one BLAS thread for each process of a parallel run, unless the user has set a number."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# The states of the modules' generators before their first test.
STATES = {}


def pytest_runtest_setup(item):
    """Reset the generators of the test's module, so that each test draws the same in any order."""
    from numpy.random import Generator  # not before the seeds and threads above are set

    module = getattr(item, "module", None)
    for name, value in vars(module).items() if module else ():  # doctests have none
        if isinstance(value, Generator):
            state = STATES.setdefault((module.__name__, name), value.bit_generator.state)
            value.bit_generator.state = state


@pytest.fixture
def compiled_kernels():
    """Choose Numba's kernels for a test, whatever the environment says."""
    from sknn6.nn import kernels  # not at the top, as above

    kernels.load()
    before = dict(kernels.CHOSEN)
    kernels.use("numba")
    yield
    kernels.CHOSEN.update(before)
