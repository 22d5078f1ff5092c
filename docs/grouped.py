"""The reference of the networks: a table with a line on each parameter, then the docstring, in groups."""

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


def cells(cls, name, line):
    """Return the cells of a row: the name, a parameter's default, and what it is."""
    parameter = signature(cls).parameters.get(name)
    if parameter is None:
        return [link(cls, name), line]
    known = signature(getattr(neural_network, cls.__name__)).parameters
    default = repr(parameter.default).replace("'", '"')
    return [link(cls, name) + ("" if name in known else r" \*"), f"``{default}``", line]


def table(cls, groups, described):
    """Return the lines of a table of what a class has of the groups, a row each."""
    rows = []
    for group, members in groups.items():
        found = [cells(cls, *member) for member in members.items() if member[0] in described]
        rows += [[group if i == 0 else "", *row] for i, row in enumerate(found)]
    return list_table(rows).splitlines()


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
    body = [*table(cls, groups, {name for names, _ in described for name in names} | set(properties)), ""]
    if field == ":Parameters:":
        body = [f"An asterisk marks what scikit-learn's ``{cls.__name__}`` does not have.", "", *body]
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
