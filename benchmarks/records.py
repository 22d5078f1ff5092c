"""A CSV of results with one line per run; runs whose line is there already are not repeated."""

import pathlib
from itertools import product

import datasets
import pandas as pd
from command_line import parser_of


def arguments(description, *, seeds, models=None):
    """Return a parser of DATA, --names, --seeds, --out and, if there are models to choose from, --models."""
    parser = parser_of(description)
    parser.add_argument("data", nargs="?", type=pathlib.Path)
    parser.add_argument("--names", type=words, help="comma-separated; every set in the folder by default")
    parser.add_argument("--seeds", type=words, default=words(seeds))
    parser.add_argument("--out", type=pathlib.Path, required=True, help="CSV that lines are added to")
    if models is not None:
        parser.add_argument("--models", nargs="+", choices=models, default=list(models), metavar="MODEL")
    return parser


def words(text):
    """Return the words of a text, split at the commas."""
    return text.split(",")


def completed(args, column, labels, run):
    """Run each data set, seed and label that the CSV does not have yet; return all lines of the CSV."""
    there = pd.read_csv(args.out) if args.out.exists() else pd.DataFrame(columns=["data", "seed", column])
    done = set(zip(there["data"], there["seed"], there[column], strict=True))
    names = args.names or (datasets.names(args.data) if args.data else [])
    for seed, name, label in product(map(int, args.seeds), names, labels):
        if args.data and (name, seed, label) not in done:
            line = {"data": name, "seed": seed, column: label} | run(args.data, name, seed, label)
            pd.DataFrame([line]).to_csv(args.out, mode="a", header=not args.out.exists(), index=False)
            print(line, flush=True)
    return pd.read_csv(args.out)
