"""Set up the tests: one BLAS thread for each of the processes that run them, and other seeds on demand."""

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


@pytest.fixture
def compiled_kernels():
    """Choose Numba's kernels for a test, whatever the environment says."""
    from sknn6.nn import kernels  # not before the seeds and threads above are set

    kernels.load()
    before = dict(kernels.chosen)
    kernels.use("numba")
    yield
    kernels.chosen.update(before)
