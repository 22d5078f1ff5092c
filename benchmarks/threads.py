"""Time an epoch of fits that share a machine: two at once, in threads or processes, or beside busy processes.

    python benchmarks/threads.py
    python benchmarks/threads.py --workloads W1,big --rounds 9

BLAS has its default number of threads, as for most users; OMP_NUM_THREADS and similar variables must not be
set. `one thread` is a fit by itself, limited to one thread by threadpoolctl. The columns are ratios of times:
1 is what a fair share of the cores allows, and less means that several cores are used.

alone      a fit by itself, divided by `one thread`
threads    the slower of two simultaneous fits in two threads (joblib's "threading"), divided by `one thread`
           and, if there is only one core, by two
processes  the same in two processes (joblib's "loky")
busy       a fit beside as many computing processes as there are cores, divided by a fit on one thread beside
           the same processes: so the share of the cores that one thread gets there is measured
share      that fit on one thread beside the processes, divided by `one thread`; (cores + 1) / cores if the
           operating system shares the cores fairly

Each is the median over the rounds of the ratio within a round. The networks are those of training.py, also
for scikit-learn; `big` has layers of 2048 units and batches of 1024.
"""

import os
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
from command_line import parser_of
from joblib import Parallel, cpu_count, delayed
from sklearn.neural_network import MLPClassifier as SklearnMLP
from threadpoolctl import threadpool_limits
from workloads import WORKLOADS, Workload, estimator_epoch, plain

WORKLOADS = WORKLOADS | {"big": Workload(4096, 784, (2048, 2048), 1024, 10, epochs=1)}
CONTESTANTS = {"sknn6": plain, "scikit-learn": SklearnMLP}
COLUMNS = ("alone", "threads", "processes", "busy", "share")


def epoch(cls, work, seed=0):
    """Return the seconds of an epoch with the present threads of BLAS."""
    warnings.simplefilter("ignore")  # here, so that it applies to joblib's processes too
    return estimator_epoch(cls, work, *work.data(seed))


def epoch_on_one_thread(cls, work):
    """Return the seconds of an epoch with BLAS limited to one thread."""
    with threadpool_limits(1):
        return epoch(cls, work)


def two_at_once(cls, work, backend):
    """Return the seconds of an epoch of the slower of two simultaneous fits; half of that with one core."""
    parallel = Parallel(n_jobs=2, backend=backend)
    seconds = parallel(delayed(epoch)(cls, work, seed) for seed in range(2))
    return max(seconds) / max(1, 2 / cpu_count())


@contextmanager
def busy_cores():
    """Return a context in which a process keeps each core busy."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpu_count())]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in spinning:
            process.terminate()
            process.wait()


def refuse_limits(parser):
    """Exit with an error if the environment limits the threads of BLAS."""
    limits = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    if limits:
        parser.error(f"BLAS must have its default number of threads, but {', '.join(limits)} is set.")


def add_arguments(parser):
    """Add the conditions of a measurement to a parser: the threads of BLAS, and busy cores."""
    parser.add_argument("--threads", default="one", choices=["one", "default"], help="threads of BLAS")
    parser.add_argument("--busy", action="store_true", help="beside as many spinning processes as cores")


@contextmanager
def conditions(args):
    """Return a context with the conditions that the arguments of `add_arguments` describe."""
    with ExitStack() as stack:
        if args.threads == "one":
            stack.enter_context(threadpool_limits(1))
        if args.busy:
            stack.enter_context(busy_cores())
        yield


def measure(cls, work):
    """Return the ratios of one round, in the order of COLUMNS, and the seconds of `one thread`."""
    one = epoch_on_one_thread(cls, work)
    beside = [epoch(cls, work), *(two_at_once(cls, work, backend) for backend in ("threading", "loky"))]
    with busy_cores():
        one_beside, all_beside = epoch_on_one_thread(cls, work), epoch(cls, work)
    return [*np.divide(beside, one), all_beside / one_beside, one_beside / one], one


def main():
    """Measure the workloads asked for and print a line for each and each library."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--workloads", default=",".join(WORKLOADS), help="comma-separated, of W1 to W5 and big"
    )
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    refuse_limits(parser)
    for name in args.workloads.split(","):
        for library, cls in CONTESTANTS.items():
            ratios, seconds = zip(*(measure(cls, WORKLOADS[name]) for _ in range(args.rounds)), strict=True)
            columns = zip(COLUMNS, np.median(ratios, axis=0), strict=True)
            text = "   ".join(f"{column} {ratio:.2f}" for column, ratio in columns)
            print(f"{name:4s} {library:12s} {np.median(seconds) * 1e3:9.2f} ms   {text}", flush=True)


if __name__ == "__main__":
    main()
