"""Time an epoch with each normalisation, residual blocks and learned activations; compare to a plain network.

    python benchmarks/normalization.py
    python benchmarks/normalization.py --workloads W2 --rounds 9

The workloads are those of training.py. All networks run on one thread and take turns; a figure is the median
over the rounds of the ratio within a round.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings

import numpy as np
from command_line import parser_of
from workloads import WORKLOADS, estimator_epoch, plain

from sknn6.nn.normalization import NORMALIZATIONS

VARIANTS = {
    "plain": {},
    **{f"batchnorm={name}": {"batchnorm": name} for name in NORMALIZATIONS},
    "layernorm": {"layernorm": True},
    "layernorm, residual": {"layernorm": True, "residual": True},
    "prelu": {"activation": "prelu"},
    "maxout": {"activation": "maxout"},
}


def main():
    """Measure the workloads asked for and print a line for each variant."""
    parser = parser_of(__doc__)
    parser.add_argument("--workloads", default="W1,W2,W4", help="comma-separated, of W1 to W5")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in args.workloads.split(","):
        work = WORKLOADS[name]
        X, y = work.data()
        seconds = np.array(
            [
                [estimator_epoch(plain, work, X, y, **params) for params in VARIANTS.values()]
                for _ in range(args.rounds)
            ]
        )
        for variant, ratio in zip(VARIANTS, np.median(seconds / seconds[:, :1], axis=0), strict=True):
            print(f"{name}  {variant:22s} {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
