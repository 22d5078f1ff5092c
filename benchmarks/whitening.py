"""Time fit and transform of Whitener against PCA, and of Standardizer against scikit-learn's scalers.

    python benchmarks/whitening.py
    python benchmarks/whitening.py --size 5000x100 --rounds 15 --json whitening.json

All run on one thread. Each pair runs in turn, A, B, A, B, …; its ratio is the median over the rounds of the
ratio within a round, so that a drift of the machine's speed touches both sides. A ratio below 1 means that
sknn6 is faster. In float32, PCA computes its statistics in float32 and Whitener in float64.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import pathlib
from time import perf_counter

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from sknn6 import Standardizer, Whitener


def pairs():
    """List (ours, theirs): what is compared."""
    full = PCA(whiten=True, svd_solver="full")
    covariance = PCA(whiten=True, svd_solver="covariance_eigh")
    return [
        (Whitener("pca"), full),
        (Whitener("zca"), full),
        (Whitener("pca"), covariance),
        (Whitener("zca"), covariance),
        (Whitener("zca_cor"), covariance),
        (Whitener("pca_cor"), covariance),
        (Whitener("cholesky"), covariance),
        (Whitener(shrinkage="oas"), covariance),
        (Whitener(shrinkage="ledoit_wolf"), covariance),
        (Standardizer(), StandardScaler()),
        (Standardizer(clip=3), StandardScaler()),
        (Standardizer("minmax"), MinMaxScaler(feature_range=(-1, 1))),
        (Standardizer("robust"), RobustScaler()),
    ]


def seconds(estimator, X):
    """Time fit and transform."""
    started = perf_counter()
    estimator.fit_transform(X)
    return perf_counter() - started


def measure(ours, theirs, X, rounds):
    """Run the two in turn; give the seconds of each, a list over the rounds, and the ratio."""
    seconds(ours, X), seconds(theirs, X)  # the first run of each warms up
    times = np.array([(seconds(ours, X), seconds(theirs, X)) for _ in range(rounds)])
    return {"ours": times[:, 0].tolist(), "theirs": times[:, 1].tolist(),
            "ratio": float(np.median(times[:, 0] / times[:, 1]))}  # fmt: skip


def main():
    """Measure all pairs, print a line each, and write the file asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="10000x500", help="samples x features")
    parser.add_argument("--dtype", default="float64", choices=["float64", "float32"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and ratios to")
    args = parser.parse_args()
    n, p = map(int, args.size.split("x"))
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((n, p)) * np.linspace(0.1, 1, p) + 3).astype(args.dtype)
    results = []
    print(f"{args.size} {args.dtype}, fit and transform{'ours':>37}{'theirs':>11}{'ratio':>8}")
    for ours, theirs in pairs():
        row = {"pair": [str(ours), str(theirs)], **measure(ours, theirs, X, args.rounds)}
        results.append(row)
        ms = [f"{np.median(row[side]) * 1e3:8.1f} ms" for side in ("ours", "theirs")]
        print(f"{ours!s:35}{theirs!s:47}{ms[0]}{ms[1]}{row['ratio']:8.2f}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
