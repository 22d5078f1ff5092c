"""Measure how the time of training grows with the numbers of rows, units and layers, and the exponents.

    python benchmarks/growth.py
    python benchmarks/growth.py --rounds 9 --json growth.json --plot growth.svg
    python benchmarks/growth.py --sweeps units,layers --sizes 3

It trains one network with the plain recipe on float32 data of 20 features, on one thread. A sweep measures
all its sizes in each round, so that a drift of the machine's speed affects all of them; a figure is the
median over the rounds. The time of an epoch is that in `history_`, without the first epoch. In the sweep over
rows, whole fits of one epoch are timed as well, which includes validation and whatever else a fit does once;
in the last column also the scaling of the input (`input_scaling=True`).

An exponent is the slope of log time over log size, by least squares over the three largest sizes: 1 means
that the time is proportional to the size. In smaller networks the calls cost more than what they compute. An
epoch needs 6 flops per weight and row, for one product forward and two backward. The largest number of rows,
10^7, needs 2 GB of memory. `--plot` needs matplotlib.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import pathlib
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import NamedTuple

import numpy as np
from command_line import parser_of
from workloads import Workload, plain

from sknn6.inspection.displays.theme import BLUE, GREEN, GREY, VERMILLION

WIDTH = 100
LARGEST = 3
STYLES = [(BLUE, "o", "-"), (VERMILLION, "s", "--"), (GREEN, "^", ":")]


def workload(n_samples=5000, hidden=(WIDTH,), epochs=2):
    """Return a workload, of which the sweeps vary one size."""
    return Workload(n_samples, n_features=20, hidden=hidden, batch=200, n_classes=3, epochs=epochs)


def fit(work, X, y, epochs, **params):
    """Return a network that was fitted for a number of epochs."""
    return plain(
        work.hidden, batch_size=work.batch, max_iter=epochs, n_iter_no_change=10**6, random_state=0, **params
    ).fit(X, y)


def epoch_seconds(work, X, y):
    """Return the seconds of an epoch."""
    history = fit(work, X, y, 1 + work.epochs).history_
    return float(np.median([record["seconds"] for record in history[1:]]))


def fit_seconds(work, X, y, **params):
    """Return the seconds of a whole fit of one epoch."""
    started = perf_counter()
    fit(work, X, y, 1, **params)
    return perf_counter() - started


class Sweep(NamedTuple):
    """The sizes of a sweep, a function from size to workload, and the functions that are timed."""

    sizes: tuple
    workload: Callable
    curves: dict


SWEEPS = {
    "rows": Sweep(
        tuple(10**k for k in range(3, 8)),
        lambda rows: workload(n_samples=rows, epochs=max(1, 20_000 // rows)),
        {
            "epoch": epoch_seconds,
            "whole fit": fit_seconds,
            "with input scaling": partial(fit_seconds, input_scaling=True),
        },
    ),
    "units": Sweep(
        tuple(2**k for k in range(4, 12)),
        lambda units: workload(hidden=(units, units)),
        {"epoch": epoch_seconds},
    ),
    "layers": Sweep(
        tuple(2**k for k in range(5)),
        lambda layers: workload(hidden=(WIDTH,) * layers),
        {"epoch": epoch_seconds},
    ),
}


def flops(work):
    """Count the floating-point operations of the products of an epoch."""
    return 6 * work.n_samples * sum(fan_in * fan_out for fan_in, fan_out in pairwise(work.sizes()))


def measure(sweep, rounds):
    """Time all curves at all sizes in turn; return the seconds of each curve, of shape (rounds, sizes)."""
    seconds = {name: np.empty((rounds, len(sweep.sizes))) for name in sweep.curves}
    for i in range(rounds):
        for k, work in enumerate(map(sweep.workload, sweep.sizes)):
            rng = np.random.default_rng(0)
            X = rng.standard_normal((work.n_samples, work.n_features), np.float32)
            y = rng.integers(0, work.n_classes, work.n_samples)
            for name, run in sweep.curves.items():
                seconds[name][i, k] = run(work, X, y)
    return seconds


def exponent(sizes, seconds):
    """Return the slope of log time over log size at the largest sizes."""
    return float(np.polyfit(np.log(sizes[-LARGEST:]), np.log(seconds[-LARGEST:]), 1)[0])


def summary(name, sweep, seconds):
    """Return the median seconds and the exponents of each curve."""
    medians = {curve: np.median(times, axis=0) for curve, times in seconds.items()}
    exponents = {curve: {name: exponent(sweep.sizes, median)} for curve, median in medians.items()}
    if name != "rows":
        operations = [flops(sweep.workload(size)) for size in sweep.sizes]
        for curve, median in medians.items():
            exponents[curve]["flops"] = exponent(operations, median)
    return {"sizes": sweep.sizes, "seconds": medians, "exponents": exponents}


def unit(name, sizes):
    """Return the unit of the times of a sweep, in seconds, and its name."""
    if name == "rows":
        return np.array(sizes) / 1e6, "microseconds a row"
    return np.full(len(sizes), 1e-3), "milliseconds an epoch"


def show(name, sweep, found):
    """Print the table of a sweep: the time of each curve, and billions of flops a second in an epoch."""
    divisor, label = unit(name, sweep.sizes)
    print(f"\n{name:>10}{''.join(f'{curve:>20}' for curve in sweep.curves)}{'GFLOP/s':>10}   ({label})")
    for k, size in enumerate(sweep.sizes):
        columns = [f"{median[k] / divisor[k]:20.3f}" for median in found["seconds"].values()]
        rate = flops(sweep.workload(size)) / found["seconds"]["epoch"][k] / 1e9
        print(f"{size:10d}{''.join(columns)}{rate:10.1f}")
    for curve, exponents in found["exponents"].items():
        print(f"  {curve}: " + ", ".join(f"time ~ {what}^{power:.2f}" for what, power in exponents.items()))


def draw(ax, name, found):
    """Draw the measured times as joined marks, with the exponents in the legend."""
    from matplotlib.ticker import LogLocator, NullFormatter

    sizes = np.array(found["sizes"], dtype=float)
    divisor, label = unit(name, sizes)
    for (curve, median), (colour, mark, line) in zip(found["seconds"].items(), STYLES, strict=False):
        powers = ", ".join(f"{what}$^{{{power:.2f}}}$" for what, power in found["exponents"][curve].items())
        ax.loglog(sizes, median / divisor, mark + line, color=colour, label=f"{curve} ~ {powers}")
    if name == "rows":
        ax.set_ylim(bottom=0.05 * min(median / divisor))  # the room that the legend needs
    else:
        operations = np.array([flops(SWEEPS[name].workload(size)) for size in found["sizes"]])
        in_proportion = operations / operations[-1] * median[-1] / divisor
        ax.loglog(sizes, in_proportion, "-.", color=GREY, label="in proportion to the flops", zorder=0)
        ax.set_xticks(found["sizes"], found["sizes"])
        ax.xaxis.set_minor_formatter(NullFormatter())
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set(xlabel=name, ylabel=label)
    title = f"exponents of the {LARGEST} largest sizes"
    ax.legend(frameon=False, fontsize="small", title=title, title_fontsize="small", loc="lower right")
    ax.tick_params(labelsize="small")
    ax.spines[["top", "right"]].set_visible(False)


def plot(results, path):
    """Draw one panel per sweep, with logarithmic axes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(results), 3.6), layout="constrained")
    for ax, (name, found) in zip(np.ravel(figure.subplots(1, len(results))), results.items(), strict=True):
        draw(ax, name, found)
    with mpl.rc_context({"svg.hashsalt": "growth"}):  # so that the same figures make the same file
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main():
    """Measure the sweeps asked for, print a table each, and write the files asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--sweeps", default=",".join(SWEEPS), help="comma-separated, of rows, units, layers")
    parser.add_argument("--sizes", type=int, help="only so many sizes of each sweep, the smallest")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and exponents to")
    parser.add_argument("--plot", type=pathlib.Path, help="file to draw to, .svg or .png")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {}
    for name in args.sweeps.split(","):
        sweep = SWEEPS[name]._replace(sizes=SWEEPS[name].sizes[: args.sizes])
        seconds = measure(sweep, args.rounds)
        results[name] = summary(name, sweep, seconds) | {"rounds": seconds}
        show(name, sweep, results[name])
    if args.json:
        args.json.write_text(json.dumps(results, indent=1, default=np.ndarray.tolist))
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
