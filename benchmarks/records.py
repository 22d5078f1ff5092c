"""A CSV of results that grows by a line a run, so that what is there already is not run again."""

import argparse
import pathlib
from itertools import product

import datasets
import pandas as pd


def arguments(description, *, seeds):
    """Parse DATA, --names, --seeds and --out."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=pathlib.Path)
    parser.add_argument("--names", type=words, help="comma-separated; every set in the folder by default")
    parser.add_argument("--seeds", type=words, default=words(seeds))
    parser.add_argument("--out", type=pathlib.Path, required=True, help="CSV that lines are added to")
    return parser


def words(text):
    """Split at the commas."""
    return text.split(",")


def completed(args, column, labels, run):
    """Run each data set, seed and label that is not there, in turn; give all lines that then are."""
    there = pd.read_csv(args.out) if args.out.exists() else pd.DataFrame(columns=["data", "seed", column])
    done = set(zip(there["data"], there["seed"], there[column], strict=True))
    names = args.names or (datasets.names(args.data) if args.data else [])
    for seed, name, label in product(map(int, args.seeds), names, labels):
        if args.data and (name, seed, label) not in done:
            line = {"data": name, "seed": seed, column: label} | run(args.data, name, seed, label)
            pd.DataFrame([line]).to_csv(args.out, mode="a", header=not args.out.exists(), index=False)
            print(line, flush=True)
    return pd.read_csv(args.out)
