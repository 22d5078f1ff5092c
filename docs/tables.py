"""The tables of the documentation that are made from the registries of `sknn6.nn` and from the recipes."""

import re

from sknn6.estimators.recipes import MANY_ROWS, RECIPES, WITH_MANY_ROWS
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.losses import LOSSES, REGRESSION_LOSSES
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES


def summary(thing):
    """Return the first paragraph of the docstring on one line, without marks of footnotes."""
    first = re.split(r"\n\s*\n", thing.__doc__.strip())[0]
    return re.sub(r"\s*\[\d+\]_", "", " ".join(first.split())).rstrip(".")


def literal(text):
    """Mark up as code."""
    return f"``{text}``"


def plain(text):
    """Escape what reStructuredText would take for markup, outside of code."""
    parts = text.split("``")
    parts[::2] = [re.sub(r"([*|_\\])", r"\\\1", part) for part in parts[::2]]
    return "``".join(parts)


def activation_rows():
    """Name, formula, derivative, gain and what init="auto" is with it."""
    return [
        [
            literal(name),
            plain(summary(activation.forward)),
            plain(summary(activation.backward)),
            f"{activation.gain:.4f}",
            literal(activation.init),
        ]
        for name, activation in ACTIVATIONS.items()
    ]


def described(registry):
    """Name and summary of each entry."""
    return [[literal(name), plain(summary(entry))] for name, entry in registry.items()]


def recipe_columns():
    """Heading and recipe of each column; names that share a recipe for many rows share a column."""
    columns = [(literal(f'"{name}"'), recipe) for name, recipe in RECIPES.items()]
    for recipe in {id(recipe): recipe for recipe in WITH_MANY_ROWS.values()}.values():
        names = [literal(f'"{name}"') for name, shared in WITH_MANY_ROWS.items() if shared is recipe]
        columns.append((f"{', '.join(names)} from {MANY_ROWS} rows on", recipe))
    return columns


def recipe_rows():
    """Name of each parameter, and its value in each recipe."""
    recipes = [recipe for _, recipe in recipe_columns()]
    names = dict.fromkeys(name for recipe in recipes for name in recipe)
    return [
        [literal(name), *(literal(repr(recipe[name]).replace("'", '"')) for recipe in recipes)]
        for name in names
    ]


TABLES = {
    "activations": (["activation", "formula", "derivative", "gain", literal('init="auto"')], activation_rows),
    "initializers": (["init", "distribution"], lambda: described(INITIALIZERS)),
    "normalizations": (["batchnorm", "formula"], lambda: described(NORMALIZATIONS)),
    "optimizers": (["solver", "step"], lambda: described(OPTIMIZERS)),
    "schedules": (
        ["learning_rate", "rate"],
        lambda: described({name: schedule.rate for name, schedule in SCHEDULES.items()}),
    ),
    "losses": (
        ["loss", "formula"],
        lambda: described({name: entry.loss for name, entry in (LOSSES | REGRESSION_LOSSES).items()}),
    ),
    "recipes": (["parameter", *(heading for heading, _ in recipe_columns())], recipe_rows),
}


def list_table(rows, title="", **options):
    """Return a table as reStructuredText; an option such as header_rows is written with a hyphen."""
    lines = [f".. list-table:: {title}".rstrip()]
    lines += [f"   :{name.strip('_').replace('_', '-')}: {value}" for name, value in options.items()]
    lines += [""]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines)


def registry_table(name):
    """Return the table of a registry as reStructuredText."""
    header, rows = TABLES[name]
    return list_table([header, *rows()], header_rows=1)
