"""scikit-learn's own test file for its multi-layer perceptrons, unmodified, run on sknn6's."""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent


def test_scikit_learns_own_tests_pass(tmp_path):
    """All functions but one that calls an internal; scikit-learn 1.6 has 39 of them, 1.9.1 has 43.

    With scikit-learn's seeds, whatever those of our tests: its bounds on scores hold for these.
    """
    paths = [str(HERE / "upstream"), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = ["-m", "pytest", "-p", "sknn6_for_sklearn", "-p", "no:cacheprovider", "-rA", "-q"]
    command += ["-W", "ignore::DeprecationWarning"]  # scikit-learn 1.6 with newer libraries
    run = subprocess.run(
        [sys.executable, *command, "--pyargs", "sklearn.neural_network.tests.test_mlp"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "SKNN6_TEST_SEED": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    passed = set(re.findall(r"^PASSED .*::(test_\w+)", run.stdout, re.MULTILINE))
    assert run.returncode == 0, run.stdout[-3000:]
    assert len(passed) >= 38
    assert "1 deselected" in run.stdout
