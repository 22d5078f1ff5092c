"""Compare the time of Whitener with that of PCA, and of Standardizer with that of scikit-learn's scalers.

    python benchmarks/whitening.py
    python benchmarks/whitening.py --sizes 100000x100,10000x1000 --rounds 15 --json whitening.json
    python benchmarks/whitening.py --threads default --busy

All estimators run on one thread, unless --threads default is given. The two of a pair take turns; their ratio
is the median over the rounds of the ratio within a round, so that a drift of the machine's speed affects
both. A ratio below 1 means that sknn6 is faster. There are two ratios: for `fit` followed by `transform`, as
for training data and new data, and for `fit_transform`, where PCA with the solver "full" gets the result from
its decomposition without a matrix product. For float32, PCA computes its statistics in float32 and Whitener
in float64.
"""

import json
import pathlib
from time import perf_counter

import numpy as np
from command_line import parser_of
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from threads import add_arguments, conditions

from sknn6 import Standardizer, Whitener


def pairs():
    """Return the pairs (ours, theirs) that are compared."""
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


def fit_then_transform(estimator, X):
    """Fit an estimator and transform the same rows."""
    estimator.fit(X).transform(X)


def fit_transform(estimator, X):
    """Fit and transform in one call."""
    estimator.fit_transform(X)


WAYS = {"fit, transform": fit_then_transform, "fit_transform": fit_transform}


def seconds(run, estimator, X):
    """Return the seconds of a run."""
    started = perf_counter()
    run(estimator, X)
    return perf_counter() - started


def measure(run, ours, theirs, X, rounds):
    """Run the two in turn; return the seconds of each, a list over the rounds, and the ratio."""
    seconds(run, ours, X), seconds(run, theirs, X)  # the first run of each warms up
    times = np.array([(seconds(run, ours, X), seconds(run, theirs, X)) for _ in range(rounds)])
    return {"ours": times[:, 0].tolist(), "theirs": times[:, 1].tolist(),
            "ratio": float(np.median(times[:, 0] / times[:, 1]))}  # fmt: skip


def report(size, dtype, rounds):
    """Measure all pairs on data of a size, print a line each, and return the results."""
    n, p = map(int, size.split("x"))
    X = np.random.default_rng(0).standard_normal((n, p)) * np.linspace(0.1, 1, p) + 3
    X = X.astype(dtype, copy=False)
    print(f"{size} {dtype}: ours, theirs and their ratio, {' and '.join(WAYS)}")
    results = []
    for ours, theirs in pairs():
        row = {"size": size, "pair": [str(ours), str(theirs)]}
        row |= {way: measure(run, ours, theirs, X, rounds) for way, run in WAYS.items()}
        results.append(row)
        columns = [
            f"{np.median(row[way]['ours']) * 1e3:9.1f} ms{np.median(row[way]['theirs']) * 1e3:9.1f} ms"
            f"{row[way]['ratio']:6.2f}"
            for way in WAYS
        ]
        print(f"{ours!s:35}{theirs!s:47}{''.join(columns)}", flush=True)
    return results


def main():
    """Measure the sizes asked for, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--sizes", default="10000x500,100000x100,10000x1000", help="samples x features, comma-separated"
    )
    parser.add_argument("--dtype", default="float64", choices=["float64", "float32"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and ratios to")
    add_arguments(parser)
    args = parser.parse_args()
    with conditions(args):
        results = [row for size in args.sizes.split(",") for row in report(size, args.dtype, args.rounds)]
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
