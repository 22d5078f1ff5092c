"""Compare the time of single calls with BLAS's default threads and with one thread, on idle and busy cores.

    python benchmarks/calls.py
    python benchmarks/calls.py --only "Whitener.fit" --rounds 21

BLAS has its default number of threads, as for most users; OMP_NUM_THREADS and similar variables must not be
set. `one thread` is the same call while threadpoolctl limits BLAS to one thread. The two take turns; a column
is the median over the rounds of the ratio within a round: 1 is as fast as one thread, and less means that
several cores are used. `busy` is the same while as many other processes as there are cores compute.
"""

import warnings

import numpy as np
from command_line import parser_of
from sklearn.datasets import load_breast_cancer, load_digits
from threadpoolctl import threadpool_limits
from threads import busy_cores, refuse_limits
from workloads import mean_seconds, plain

from sknn6 import MLPClassifier, Standardizer, Whitener


def calls():
    """Return the calls by name."""
    X, y = load_digits(return_X_y=True)
    cancer = load_breast_cancer().data
    wide = np.random.default_rng(0).standard_normal((10_000, 1000))
    small = plain((32,), max_iter=5, random_state=0).fit(X, y)
    default = MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    large = plain((512, 512), max_iter=1, random_state=0).fit(wide[:500], y[:500])
    rows = {n: np.tile(X, (n // len(X) + 1, 1))[:n] for n in (1, 100, 350, 1797, 20_000)}
    standardizer, whitener = Standardizer().fit(wide), Whitener().fit(wide)
    return {
        **{f"32 units, predict {n} rows": (small.predict, rows[n]) for n in (1, 100, 350, 1797)},
        **{f"defaults, predict {n} rows": (default.predict, rows[n]) for n in rows},
        "512-512, predict 10000 x 1000": (large.predict, wide),
        "Standardizer.fit, 569 x 30": (Standardizer().fit, cancer),
        "Standardizer.transform, 10000 x 1000": (standardizer.transform, wide),
        "Whitener.fit, 569 x 30": (Whitener().fit, cancer),
        "Whitener.fit, 10000 x 1000": (Whitener().fit, wide),
        "Whitener.transform, 10000 x 1000": (whitener.transform, wide),
    }


def measure(call, X, rounds):
    """Return the median of the ratios to one thread, and of the seconds on one thread."""
    call(X)
    times = max(1, min(20, int(0.05 / mean_seconds(call, X, 1))))
    pairs = []
    for _ in range(rounds):
        with threadpool_limits(1):
            one = mean_seconds(call, X, times)
        pairs.append((mean_seconds(call, X, times) / one, one))
    return np.median(pairs, axis=0)


def main():
    """Measure the calls asked for and print a line for each."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", default="", help="a part of the names of the calls to measure")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    refuse_limits(parser)
    warnings.simplefilter("ignore")
    print(f"{'call':40s}{'one thread':>14s}{'idle':>8s}{'busy':>8s}")
    for name, (call, X) in calls().items():
        if args.only in name:
            idle, one = measure(call, X, args.rounds)
            with busy_cores():
                busy, _ = measure(call, X, args.rounds)
            print(f"{name:40s}{one * 1e3:11.3f} ms{idle:8.2f}{busy:8.2f}", flush=True)


if __name__ == "__main__":
    main()
