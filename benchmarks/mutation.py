"""Mutation testing: change the code in one random place at a time, and see whether a test fails.

    pip install cosmic-ray
    python benchmarks/mutation.py --each 20 --seed 0
    python benchmarks/mutation.py --only optimizers,losses --each 50

The operators are cosmic-ray's: another sign, comparison, number or truth value, or a loop that does not run.
For each module of sknn6/nn and sknn6/preprocessing, except those that Numba compiles, and for some of
sknn6/training, --each mutants are drawn. Each is made in a copy of the repository and tested by the module's
own tests, without Numba. Mutants that survive are printed with their lines.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from command_line import parser_of
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).parents[1]
SECONDS = 600

# Only operators whose mutants can run: a bit shift of floats would raise an error in any case.
OPERATORS = [
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Div_Mul", "ReplaceBinaryOperator_FloorDiv_Mul", "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot",
    "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "NumberReplacer", "ZeroIterationForLoop",
]  # fmt: skip

TESTS = {
    "nn/activations": "activations kernels gradients",
    "nn/architecture": "architecture",
    "nn/assembler": "program",
    "nn/batches": "batches memory classifier",
    "nn/categories": "categories",
    "nn/decay": "decay optimizers",
    "nn/descent": "training classifier",
    "nn/initializers": "initializers",
    "nn/input_layer": "embeddings categories",
    "nn/inputs": "inputs",
    "nn/kernels": "kernels program",
    "nn/dense": "layers inputs initializers network torch_values gradients",
    "nn/layer": "layers network program",
    "nn/layers": "layers network torch_values gradients",
    "nn/products": "layers network threads",
    "nn/lbfgs": "lbfgs interruptions",
    "nn/links": "losses members regressor",
    "nn/losses": "losses numerics members regressor outputs",
    "nn/network": "network members classifier gradients memory",
    "nn/normalization/base": "normalization torch_values gradients",
    "nn/normalization/batch_norm": "normalization torch_values gradients",
    "nn/normalization/batch_statistics": "normalization torch_values gradients",
    "nn/normalization/batch_whitening": "normalization torch_values gradients",
    "nn/normalization/group_statistics": "normalization torch_values gradients",
    "nn/normalization/layer_norm": "normalization torch_values gradients",
    "nn/normalization/switchable_whitening": "normalization torch_values gradients",
    "nn/observe": "observe layer_statistics track",
    "nn/optimizers": "optimizers training torch_values",
    "nn/outputs": "outputs",
    "nn/parallel": "threads",
    "nn/program": "program",
    "nn/piecewise": "embeddings",
    "nn/random_words": "program layers",
    "nn/schedules": "schedules",
    "nn/update": "update classifier selection",
    "nn/sample_weights": "members batches losses program",
    "preprocessing/arithmetic": "standardizer",
    "preprocessing/location": "standardizer",
    "preprocessing/maps": "whitener",
    "preprocessing/scatter": "whitener",
    "preprocessing/spectrum": "whitener",
    "preprocessing/standardizer": "standardizer",
    "preprocessing/whitener": "whitener",
    "training/calibration": "temperature",
    "training/division": "selection snapshots temperature",
    "training/held_out": "selection options",
    "training/scaling": "inputs sequences",
    "training/selection": "selection",
    "training/symptoms": "symptoms",
}


def places(path):
    """Yield (operator, occurrence) for every place that can be changed."""
    tree = get_ast(path.read_text())
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        number = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        yield from ((operator, i) for i in range(number))


def survives(folder, tests):
    """Run the tests of a module; return whether all pass."""
    files = [f"tests/test_{name}.py" for name in tests.split()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    env = os.environ | {"PYTHONPATH": str(folder), "SKNN6_KERNELS": "numpy"}
    try:
        return (
            subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=SECONDS).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


def difference(before, after):
    """Return the number and the new text of the first line that was changed."""
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    number, line = next((i, new) for i, (old, new) in enumerate(lines, 1) if old != new)
    return f"{number}: {line.strip()}"


def test_module(folder, module, tests, each, rng):
    """Test random mutants of a module; print those that survive, and how many were killed."""
    path = folder / "sknn6" / f"{module}.py"
    found = list(places(path))
    drawn = rng.sample(found, min(each, len(found)))
    if not survives(folder, tests):
        sys.exit(f"The tests of {module} fail without any change.")
    killed = 0
    for operator, occurrence in drawn:
        with use_mutation(path, operator, occurrence) as (before, after):
            if survives(folder, tests):
                print(f"    {module} survives, line {difference(before, after)}", flush=True)
            else:
                killed += 1
    print(f"{module:38s} {killed} of {len(drawn)} killed, {len(found)} in all", flush=True)
    return killed, len(drawn)


def main():
    """Test mutants of the chosen modules, and print the share that was killed."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", help="comma-separated names of modules")
    parser.add_argument("--each", type=int, default=20, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chosen = {m: t for m, t in TESTS.items() if not args.only or m.split("/")[1] in args.only.split(",")}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder) / "sknn6"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "_build", "build", "*.egg-info"))
        counts = [
            test_module(folder, module, tests, args.each, random.Random(f"{module} {args.seed}"))
            for module, tests in chosen.items()
        ]
    killed, total = map(sum, zip(*counts, strict=True))
    print(f"{killed} of {total} killed, {killed / total:.0%}")


if __name__ == "__main__":
    main()
