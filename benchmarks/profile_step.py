"""Measure the parts of the time of a training step: by layer and direction, and by kind of work.

    python benchmarks/profile_step.py
    python benchmarks/profile_step.py --workloads W4 --activation gelu --rounds 100 --json profile.json

The workloads are those of training.py: one network, Adam, float32, one thread. A round is three epochs, each
with its own order of batches: one by `run_epoch`, timed from update to update; one in which each part of a
step is timed separately; one in which only the matrix products are timed, on the operands of the Dense
layers. A figure is the median over the rounds for each batch of an epoch, averaged over the batches, in
microseconds per step, without the time of reading the clock. "between" is the whole step minus its parts. It
grows on a busy machine, which interrupts long steps more often than their short parts.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import pathlib
import warnings
from collections import defaultdict
from time import perf_counter

import numpy as np
from command_line import parser_of
from workloads import WORKLOADS, plain

from sknn6.estimators.settings import settings_of
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.architecture import Architecture
from sknn6.nn.batches import Batches
from sknn6.nn.dense import Dense
from sknn6.nn.descent import GradientDescent
from sknn6.nn.losses import softmax_cross_entropy
from sknn6.nn.optimizers import Adam
from sknn6.nn.update import Update


class Stopwatch:
    """Collects the seconds of calls in a list for each name."""

    def __init__(self):
        self.seconds = defaultdict(list)

    def __call__(self, name, function, *args):
        """Call a function, record its time under a name, and return its result."""
        started = perf_counter()
        result = function(*args)
        self.seconds[name].append(perf_counter() - started)
        return result

    def microseconds(self, n_batches):
        """Return for each name the medians over the epochs, averaged over the batches."""
        return {
            name: float(np.median(np.reshape(seconds, (-1, n_batches)), axis=0).mean()) * 1e6
            for name, seconds in self.seconds.items()
        }


class Training:
    """A network, its batches and its update, set up as by an estimator."""

    def __init__(self, work, activation):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((work.n_samples, work.n_features), np.float32)
        y = rng.integers(0, work.n_classes, work.n_samples)
        self.network = Architecture(work.n_features, work.hidden, work.n_classes, activation).build()
        self.network.allocate(np.float32).initialize(rng)
        self.batches = Batches(X, y, None, work.batch, np.float32, rng)
        self.update = Update(self.network, Adam(self.network.theta))
        estimator = plain(work.hidden, max_iter=1).fit(X[: work.batch], y[: work.batch])
        self.alpha, self.rate = estimator.alpha, settings_of(estimator).rate
        self.outputs = {}  # memory for products that has been used before

    def whole(self, watch):
        """Run an epoch and time its steps."""
        ticks = [perf_counter()]

        def update(*args):
            penalty = self.update(*args)
            ticks.append(perf_counter())
            return penalty

        descent = GradientDescent(self.network, softmax_cross_entropy, update, self.batches, self.alpha)
        descent.run_epoch(self.rate)
        watch.seconds["whole step"] += np.diff(ticks).tolist()

    def parts(self, watch):
        """Run an epoch and time the parts of its steps."""
        network, batches = self.network, iter(self.batches)
        for i in range(len(self.batches)):
            watch("clock", len, ())
            rate = watch("learning rate", self.rate, i / len(self.batches))
            X, y, _ = watch("batch", next, batches)
            for layer in network.layers:
                X = watch(f"{layer.name} forward", layer.forward, X)
            _, dZ = watch("loss", softmax_cross_entropy, X, y)
            for layer in reversed(network.layers):
                dZ = watch(f"{layer.name} backward", layer.backward, dZ)
            watch("update", self.update, rate, self.alpha / len(y))

    def products(self, watch):
        """Run an epoch and time its matrix products."""
        network = self.network
        for X, y, _ in self.batches:
            inputs = {}
            for layer in network.layers:
                if isinstance(layer, Dense):
                    inputs[layer] = X
                    Z = self.output(layer, "Z", (len(X), layer.width))
                    watch(f"{layer.name} forward", np.matmul, X, layer.W, Z)
                X = layer.forward(X)
            _, dZ = softmax_cross_entropy(X, y)
            for layer in reversed(network.layers):
                if isinstance(layer, Dense):
                    dX = self.output(layer, "dX", inputs[layer].shape)
                    watch(f"{layer.name} backward", products_backward, layer, inputs[layer], dZ, dX)
                dZ = layer.backward(dZ)
            self.update(self.rate(0.0), self.alpha / len(y))

    def output(self, *key):
        """Return memory for a product; the last part of the key is its shape."""
        if key not in self.outputs:
            self.outputs[key] = np.ones(key[-1], np.float32)
        return self.outputs[key]


def products_backward(layer, X, dZ, dX):
    """Compute the matrix products of the backward of a Dense layer."""
    np.matmul(X.T, dZ, out=layer.dW)
    if layer.gradient_from is not None:
        np.matmul(dZ, layer.W.T, out=dX)


def measure(work, activation, rounds):
    """Return the microseconds of the whole step, its parts, and the products among them."""
    training = Training(work, activation)
    ways = training.whole, training.parts, training.products
    for way in ways:
        way(Stopwatch())  # memory is touched, caches are warm
    watches = [Stopwatch() for _ in ways]
    for _ in range(rounds):
        for way, watch in zip(ways, watches, strict=True):
            way(watch)
    whole, parts, products = (watch.microseconds(len(training.batches)) for watch in watches)
    whole, clock = whole["whole step"], parts.pop("clock")
    parts, products = ({name: value - clock for name, value in each.items()} for each in (parts, products))
    return {"whole": whole, "parts": parts | {"between": whole - sum(parts.values())}, "products": products}


def by_kind(found):
    """Return the sums of the parts by kind of work; the time of Dense without products counts as bias."""
    kinds = {"products": sum(found["products"].values()), "bias": -sum(found["products"].values())}
    for part, value in found["parts"].items():
        layer = part.partition("_")[0]
        kind = {"dense": "bias", "activate": "activation"}.get(layer, part)
        kinds[kind] = kinds.get(kind, 0.0) + value
    return kinds


def show(name, work, found):
    """Print the parts of a workload's step."""
    shape = f"{work.n_samples}x{work.n_features}, {'-'.join(map(str, work.hidden))}, batch {work.batch}"
    print(f"\n{name} {shape}: {found['whole']:.1f} µs a step\n{'':24}{'µs':>9}{'share':>8}{'products':>10}")
    for part, value in found["parts"].items():
        product = found["products"].get(part)
        alone = "" if product is None else f"{product:10.1f}"
        print(f"  {part:22}{value:9.1f}{value / found['whole']:8.1%}{alone}", flush=True)


def show_kinds(results):
    """Print the kinds of work, a column a workload."""
    print(f"\n{'µs a step (share)':16}" + "".join(f"{name:>17}" for name in results))
    columns = {name: by_kind(found) for name, found in results.items()}
    for kind in next(iter(columns.values())):
        cells = (
            f"{columns[name][kind]:9.1f} ({columns[name][kind] / results[name]['whole']:5.1%})"
            for name in results
        )
        print(f"{kind:17}" + " ".join(cells))
    print(f"{'whole step':17}" + " ".join(f"{found['whole']:9.1f}        " for found in results.values()))


def main():
    """Profile the workloads asked for, print their tables, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="comma-separated, of W1 to W5")
    parser.add_argument("--activation", default="relu", choices=sorted(ACTIVATIONS))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all figures to")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for name in args.workloads.split(","):
        work = WORKLOADS[name]
        results[name] = measure(work, args.activation, args.rounds)
        show(name, work, results[name])
    show_kinds(results)
    if args.json:
        args.json.write_text(json.dumps({k: v | {"kinds": by_kind(v)} for k, v in results.items()}, indent=1))


if __name__ == "__main__":
    main()
