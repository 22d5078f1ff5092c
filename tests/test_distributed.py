"""The search on other processes: joblib's own, a Dask cluster, Ray; and what it does when they are killed."""

import os
import signal
import sys

import joblib
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from eventful import Eventful, accuracy_and_process
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import Pipeline
from skopt.space import Real

from sknn6 import BayesSearchCV, MLPClassifier

pytestmark = [
    pytest.mark.xdist_group("clusters"),  # one process starts Dask and Ray, once
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The best .* lies on the border"),
    # Older releases of Ray leave their logs and processes to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file .*/ray/session_:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

X, y = load_digits(return_X_y=True)
N_POINTS = 3


def search(checkpoint=None, n_jobs=None, **events):
    """Search with one fit a candidate, so that fits side by side are candidates side by side."""
    mlp = MLPClassifier(8, max_iter=3, random_state=0)
    return BayesSearchCV(
        Pipeline([("eventful", Eventful(home=os.getpid(), **events)), ("mlp", mlp)]),
        {"mlp__learning_rate_init": Real(1e-4, 1e-1, "log-uniform")},
        optimizer_kwargs={"n_initial_points": N_POINTS},
        n_iter=2 * N_POINTS,
        n_points=N_POINTS,
        cv=ShuffleSplit(1, random_state=0),
        scoring=accuracy_and_process,
        refit="accuracy",
        n_jobs=n_jobs,
        random_state=0,
        checkpoint=checkpoint,
    )


def after_the_first_candidates(death):
    """Return a callback of the search that has a fit of the second proposals killed."""

    def arm(result):
        if len(result.x_iters) == N_POINTS:
            death.touch()

    return arm


def assert_same_search(found, serial):
    assert found.cv_results_["params"] == serial.cv_results_["params"]
    accuracies = (of.cv_results_["split0_test_accuracy"] for of in (found, serial))
    np.testing.assert_array_equal(*accuracies)
    assert len(set(serial.cv_results_["split0_test_accuracy"])) > N_POINTS  # the candidates differ


@pytest.fixture(scope="module")
def serial():
    return search().fit(X, y)


@pytest.fixture(autouse=True)
def _no_hang():
    def fail(signum, frame):
        raise TimeoutError("the search hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def death(tmp_path):
    return tmp_path / "death"


@pytest.fixture(scope="module")
def dask():
    """Start a cluster of two workers; give its client."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def dask_processes(client):
    """Return the ids of the workers' processes, once both are there."""
    client.wait_for_workers(2, timeout=30)
    return set(client.run(os.getpid).values())


@pytest.fixture(scope="module")
def _ray():
    """Start Ray with two workers that can import tests/eventful.py."""
    import ray
    from ray.util.joblib import register_ray

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        resources = {"num_cpus": 2, "object_store_memory": 100_000_000}
        ray.init(address="local", include_dashboard=False, log_to_driver=False, **resources)
        register_ray()
        yield
        ray.shutdown()


def test_dask_fits_candidates_side_by_side_on_its_workers(dask, serial, tmp_path):
    with joblib.parallel_config("dask"):
        found = search(meeting=tmp_path).fit(X, y)
    assert set(found.cv_results_["split0_test_process"]) == dask_processes(dask)
    assert_same_search(found, serial)


@pytest.mark.soak  # its workers take ten seconds to start
@pytest.mark.usefixtures("_ray")
def test_ray_fits_candidates_side_by_side_on_its_workers(serial, tmp_path):
    with joblib.parallel_config("ray", n_jobs=2):
        found = search(meeting=tmp_path).fit(X, y)
    processes = set(found.cv_results_["split0_test_process"])
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert_same_search(found, serial)


def test_loky_loses_a_worker_and_the_search_goes_on(serial, death):
    found = search(n_jobs=2, death=death)
    with pytest.warns(UserWarning, match=r"Workers failed \(TerminatedWorkerError\)"):
        found.fit(X, y, callback=after_the_first_candidates(death))
    assert not death.exists()
    assert_same_search(found, serial)


@pytest.mark.filterwarnings("ignore:Workers failed")  # if that one held the data
def test_dask_loses_a_worker_and_the_search_goes_on(dask, serial, death):
    before = dask_processes(dask)
    with joblib.parallel_config("dask"):
        found = search(death=death).fit(X, y, callback=after_the_first_candidates(death))
    assert len(before - dask_processes(dask)) == 1
    assert_same_search(found, serial)


@pytest.mark.soak  # new workers take long to start
def test_dask_loses_all_workers_with_the_data_and_the_search_goes_on(dask, serial, death):
    before = dask_processes(dask)
    found = search(death=death, victims=tuple(before))
    with (
        joblib.parallel_config("dask"),
        pytest.warns(UserWarning, match=r"Workers failed \(.*CancelledError"),
    ):
        found.fit(X, y, callback=after_the_first_candidates(death))
    assert not before & dask_processes(dask)
    assert_same_search(found, serial)


@pytest.mark.soak  # its workers take ten seconds to start
@pytest.mark.usefixtures("_ray")
def test_ray_loses_a_worker_and_the_search_goes_on(serial, death):
    found = search(death=death)
    with (
        joblib.parallel_config("ray", n_jobs=2),
        pytest.warns(UserWarning, match=r"Workers failed \(.*Actor"),
    ):
        found.fit(X, y, callback=after_the_first_candidates(death))
    assert not death.exists()
    assert_same_search(found, serial)


@pytest.mark.soak  # its workers take ten seconds to start
@pytest.mark.usefixtures("_ray")
def test_ray_that_restarts_its_workers_lets_no_candidate_be_evaluated_twice(serial, death):
    """There is no warning, then."""
    with joblib.parallel_config(
        "ray", n_jobs=2, ray_remote_args={"max_restarts": -1, "max_task_retries": -1}
    ):
        found = search(death=death).fit(X, y, callback=after_the_first_candidates(death))
    assert not death.exists()
    assert_same_search(found, serial)


@pytest.mark.soak  # new workers take long to start
def test_a_search_whose_workers_fail_twice_goes_on_from_its_checkpoint(serial, death, tmp_path):
    params = {"death": death, "lasting": True, "checkpoint": tmp_path / "search"}
    with pytest.warns(UserWarning, match="Workers failed"), pytest.raises(TerminatedWorkerError):
        search(n_jobs=2, **params).fit(X, y, callback=after_the_first_candidates(death))
    death.unlink()
    evaluated = []
    found = search(**params).fit(X, y, callback=lambda result: evaluated.append(len(result.x_iters)))
    assert evaluated == [2 * N_POINTS]
    assert_same_search(found, serial)
