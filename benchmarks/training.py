"""Compare the time of an epoch of training of sknn6 with scikit-learn, torch, and the matrix products alone.

    python benchmarks/training.py
    python benchmarks/training.py --workloads W1,W4 --rounds 9 --json training.json
    python benchmarks/training.py --variants batchnorm,gelu,elu,dropout     such networks, against torch's
    SKNN6_KERNELS=numpy python benchmarks/training.py                       without Numba, where it is there

All train one network with scikit-learn's values on one thread, and take turns. A figure is the median over
the rounds of the ratio within a round, so that a drift of the machine's speed affects both sides. The time of
an epoch is the difference between a fit of several epochs and a fit of one. The torch loop is hand-written
over tensors, with the fused Adam; it is left out if torch is not installed. `products` are the matrix
products of an epoch alone: no training of this network in float32 can be faster. With --variants, networks
with further parts are compared with the same networks in torch.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import importlib.util
import json
import pathlib
import warnings
from itertools import pairwise, product
from time import perf_counter

import numpy as np
from command_line import parser_of
from sklearn.neural_network import MLPClassifier as SklearnMLP
from workloads import WORKLOADS, estimator_epoch, plain

# The parameters in sknn6, and a function that returns the modules of torch between two linear maps.
VARIANTS = {
    "plain": ({}, lambda nn, units: [nn.ReLU()]),
    "batchnorm": ({"batchnorm": True}, lambda nn, units: [nn.BatchNorm1d(units), nn.ReLU()]),
    "gelu": ({"activation": "gelu"}, lambda nn, units: [nn.GELU()]),
    "elu": ({"activation": "elu"}, lambda nn, units: [nn.ELU()]),
    "dropout": ({"dropout": 0.1}, lambda nn, units: [nn.ReLU(), nn.Dropout(0.1)]),
}


def torch_epoch(work, X, y, variant="plain"):
    """Return the seconds of an epoch of a hand-written torch loop."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    _, between = VARIANTS[variant]
    layers = [torch.nn.Linear(work.n_features, work.sizes()[1])]
    for fan_in, fan_out in pairwise(work.sizes()[1:]):
        layers += [*between(torch.nn, fan_in), torch.nn.Linear(fan_in, fan_out)]
    model = torch.nn.Sequential(*layers)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    cross_entropy = torch.nn.CrossEntropyLoss()
    X, y = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y)

    def epochs(n):
        started = perf_counter()
        for _ in range(n):
            for rows in torch.randperm(len(X)).split(work.batch):
                adam.zero_grad(set_to_none=True)
                cross_entropy(model(X[rows]), y[rows]).backward()
                adam.step()
        return perf_counter() - started

    epochs(1)
    return epochs(work.epochs) / work.epochs


def products_epoch(work):
    """Return the seconds of the matrix products of an epoch in float32."""
    rng = np.random.default_rng(0)
    sizes = work.sizes()
    A = [rng.random((work.batch, n), np.float32) for n in sizes]
    dA = [rng.random((work.batch, n), np.float32) for n in sizes]
    W = [rng.random(shape, np.float32) for shape in pairwise(sizes)]
    dW = [np.empty_like(w) for w in W]
    n_steps = work.epochs * work.n_samples // work.batch
    started = perf_counter()
    for _ in range(n_steps):
        for i in range(len(W)):
            np.matmul(A[i], W[i], out=dA[i + 1])
        for i in reversed(range(len(W))):
            np.matmul(A[i].T, dA[i + 1], out=dW[i])
            if i:
                np.matmul(dA[i + 1], W[i].T, out=dA[i])
    return (perf_counter() - started) / n_steps * work.n_samples / work.batch


def contestants_of(work, X, y, variant):
    """Return functions that time an epoch of each contestant, by name."""
    if variant != "plain":
        params, _ = VARIANTS[variant]
        return {
            "sknn6": lambda: estimator_epoch(plain, work, X, y, **params),
            "torch, fused": lambda: torch_epoch(work, X, y, variant),
        }
    X32 = X.astype(np.float32)
    contestants = {
        "sknn6": lambda: estimator_epoch(plain, work, X, y),
        "scikit-learn, float64": lambda: estimator_epoch(SklearnMLP, work, X, y),
        "sknn6 on float32": lambda: estimator_epoch(plain, work, X32, y),
        "scikit-learn, float32": lambda: estimator_epoch(SklearnMLP, work, X32, y),
        "products": lambda: products_epoch(work),
    }
    if importlib.util.find_spec("torch"):
        contestants["torch, fused"] = lambda: torch_epoch(work, X, y)
    return contestants


def measure(work, variant, rounds):
    """Time all contestants in turn; return the seconds of each, a list over the rounds."""
    X, y = work.data()
    contestants = contestants_of(work, X, y, variant)
    seconds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            seconds[name].append(run())
    return seconds


def ratios(seconds):
    """Return the median ratios of the time of each contestant to that of sknn6."""

    def median(over, under="sknn6"):
        return float(np.median(np.divide(seconds[over], seconds[under])))

    rows = {}
    for name in seconds:
        if name == "scikit-learn, float32":
            rows[name] = median(name, "sknn6 on float32")
        elif name == "products":
            rows["share of products"] = median(name)
        elif not name.startswith("sknn6"):
            rows[name] = median(name)
    return rows


def main():
    """Measure the workloads asked for, print a line each, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="comma-separated, of W1 to W5")
    parser.add_argument("--variants", default="plain", help=f"comma-separated, of {', '.join(VARIANTS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and ratios to")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for variant, name in product(args.variants.split(","), args.workloads.split(",")):
        work = WORKLOADS[name]
        seconds = measure(work, variant, args.rounds)
        results[f"{name} {variant}"] = {"seconds": seconds, "ratios": ratios(seconds)}
        shape = f"{work.n_samples}x{work.n_features}, {'-'.join(map(str, work.hidden))}, batch {work.batch}"
        milliseconds = np.median(seconds["sknn6"]) * 1e3
        columns = "   ".join(f"{what} {value:.2f}" for what, value in ratios(seconds).items())
        print(f"{name} {variant:9s} {shape:32s} {milliseconds:8.2f} ms   {columns}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
