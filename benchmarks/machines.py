"""Run the test suite under the conditions of other machines (BLAS kernels, threads, orders, seeds).

    pip install ".[test,dev]"
    python benchmarks/machines.py
    python benchmarks/machines.py --only Haswell "Prescott, NumPy's kernels"

OPENBLAS_CORETYPE selects the kernels of another processor in NumPy's and SciPy's OpenBLAS. A row is skipped
if OpenBLAS does not use them, for example because this processor lacks the instructions, or if it crashes
with them. Each run is ``python -m pytest`` with the settings of its row in the environment.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from command_line import parser_of

ROOT = Path(__file__).parents[1]
CORES = ["Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX"]
SAME_KERNELS = {"Prescott": "Katmai", "Zen": "Haswell"}  # the names in the OpenBLAS of the wheels
PARALLEL = ["-n", "auto"]
SHUFFLED = ["--random-order-bucket=global", "--random-order-seed=1"]

# For each row by its name: the environment variables, and the options of pytest.
ROWS = {
    **{core: ({"OPENBLAS_CORETYPE": core}, PARALLEL) for core in CORES},
    **{
        f"{core}, NumPy's kernels": ({"OPENBLAS_CORETYPE": core, "SKNN6_KERNELS": "numpy"}, PARALLEL)
        for core in CORES
    },
    "NumPy's kernels": ({"SKNN6_KERNELS": "numpy"}, PARALLEL),
    "one thread": ({"OMP_NUM_THREADS": "1"}, []),
    "two threads": ({"OMP_NUM_THREADS": "2"}, PARALLEL),
    "threads left to BLAS": ({}, []),
    "another order": ({}, PARALLEL + SHUFFLED),
    **{f"seeds + {offset}": ({"SKNN6_TEST_SEED": str(offset)}, [*PARALLEL, "tests"]) for offset in (1, 2, 3)},
}

FIND_CORE = (
    "import numpy, scipy.linalg, threadpoolctl; A = numpy.ones((500, 100)); A.T @ A;"
    "print(*{pool['architecture'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'})"
)


def environment(changes):
    """Return this process's environment with the changes, without other variables for threads and kernels."""
    chosen = {"OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SKNN6_KERNELS"}
    return {name: value for name, value in os.environ.items() if name not in chosen} | changes


def core_in_use(changes):
    """Return BLAS's name of the kernels that it uses; None if they crash in a product of two matrices."""
    command = [sys.executable, "-c", FIND_CORE]
    run = subprocess.run(command, env=environment(changes), capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


def run_suite(changes, options, log):
    """Run the tests; return the counts that pytest printed, and minutes."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=ROOT, env=environment(changes), capture_output=True, text=True, check=False,
    )  # fmt: skip
    log.write_text(run.stdout + run.stderr)
    counts = dict.fromkeys(("passed", "failed", "error"), 0)
    *_, last = run.stdout.strip().splitlines() or [""]
    counts |= {what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|error)", last)}
    if not counts["passed"]:
        counts["error"] += 1
    return counts, (time.perf_counter() - started) / 60


def main():
    """Run the rows and print a table of their outcomes; exit with 1 if a test failed."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help="names of rows")
    parser.add_argument("--logs", type=Path, default=Path("machines"), help="a folder for pytest's output")
    args = parser.parse_args()
    args.logs.mkdir(exist_ok=True)
    print(f"{'run':36s}{'BLAS kernels':14s}{'passed':>8s}{'failed':>8s}{'minutes':>9s}", flush=True)
    failed = 0
    for name in args.only or ROWS:
        changes, options = ROWS[name]
        core = core_in_use(changes)
        wanted = changes.get("OPENBLAS_CORETYPE", core)
        if core is None or core not in (wanted, SAME_KERNELS.get(wanted)):
            reason = "crashes with" if core is None else "does not take"
            print(f"{name:36s}{core or wanted:14s} skipped: BLAS {reason} these kernels here", flush=True)
            continue
        counts, minutes = run_suite(changes, options, args.logs / f"{name}.txt")
        broken = counts["failed"] + counts["error"]
        failed += broken
        print(f"{name:36s}{core:14s}{counts['passed']:8d}{broken:8d}{minutes:9.1f}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
