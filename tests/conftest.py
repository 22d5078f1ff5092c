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
    """Return each process of a parallel run one BLAS thread, unless the user has set a number."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
