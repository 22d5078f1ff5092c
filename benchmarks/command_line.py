"""The command line of the benchmarks."""

import argparse


def parser_of(description):
    """Return a parser whose help shows the docstring of a benchmark as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
