"""The reference of the networks: tables with a line on each parameter, then the docstring, in groups."""

import re
from inspect import signature

from groups import ATTRIBUTES, PARAMETERS
from sklearn import neural_network
from tables import list_table

NETWORKS = "sknn6.MLPClassifier", "sknn6.MLPRegressor"
FIELDS = {":Parameters:": PARAMETERS, ":Attributes:": ATTRIBUTES}


def link(cls, name):
    """Return a link to the description of a parameter or attribute; properties have an entry of their own."""
    if hasattr(cls, name):
        return f"`~sknn6.{cls.__name__}.{name}`"
    return f":described:`{cls.__name__}.{name}`"


def row(cls, name, line):
    """Return the two cells of a row: the name, and what it is, with the default of a parameter."""
    parameter = signature(cls).parameters.get(name)
    if parameter is None:
        return [link(cls, name), line]
    known = signature(getattr(neural_network, cls.__name__)).parameters
    default = repr(parameter.default).replace("'", '"')
    return [link(cls, name) + ("" if name in known else r" \*"), f"{line}; ``{default}``"]


def tables(cls, groups, described):
    """Return the lines of a table for each group, of what the class has of it."""
    lines = []
    for group, members in groups.items():
        if rows := [row(cls, *member) for member in members.items() if member[0] in described]:
            lines += [*list_table(rows, group, widths="45 55", class_="grouped").splitlines(), ""]
    return lines


def entries(lines):
    """Return the entries of a numpydoc list: the names that each is of, and its lines."""
    found = []
    for line in lines:
        if begun := re.match(r"    \*\*(.+?)\*\*", line):
            found.append((begun[1].split(", "), []))
        if found:
            found[-1][1].append(line[4:])
    return found


def in_groups(cls, lines):
    """Return the lines of a numpydoc list: the table, then the entries in groups."""
    field, *lines = lines
    groups, described = FIELDS[field], entries(lines)
    properties = [name for members in groups.values() for name in members if hasattr(cls, name)]
    body = tables(cls, groups, {name for names, _ in described for name in names} | set(properties))
    if field == ":Parameters:":
        note = f"With their defaults. An asterisk marks what scikit-learn's ``{cls.__name__}`` lacks."
        body = [note, "", *body]
    for group, members in groups.items():
        found = [entry for name in members for entry in described if entry[0][0] == name]
        body += [f".. rubric:: {group}", ""] if found else []
        for names, (first, *rest) in found:
            targets = ", ".join(f":describe:`{cls.__name__}.{name}`" for name in names)
            body += [first.replace(f"**{', '.join(names)}**", targets), *rest, ""]
    return [field, "", *(f"    {line}" for line in body), ""]


def regroup(cls, lines):
    """Return the lines of a docstring, as numpydoc leaves it, with its two lists in groups."""
    parts = [[]]
    for line in lines:
        if line[:1].strip():  # a list, which is indented, ends here
            parts.append([])
        parts[-1].append(line)
    return [line for part in parts for line in (in_groups(cls, part) if part and part[0] in FIELDS else part)]
