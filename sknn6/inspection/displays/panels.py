"""Panels of a figure, and axes whose labels have room. Imports matplotlib when it is called, not before."""

from numbers import Number

import numpy as np

from sknn6.optional import require

__all__ = ["add_legend", "colour_bar", "label_panels", "number_axis", "panels", "parameter_axis"]


def panels(ax, n_panels, *, n_cols=1, size=(2.4, 2.2), sharey=True):
    """Return that many Axes: those given, or of a new figure.

    Raises
    ------
    ValueError
        If more or fewer are given, or `n_cols` is no number of columns.
    """
    plt = require("matplotlib.pyplot", "sknn6[plot]")
    if ax is not None:
        axes = np.ravel(ax)
        if len(axes) != n_panels:
            raise ValueError(f"ax must be {n_panels} Axes, one a panel, got {len(axes)}.")
        return axes
    if not isinstance(n_cols, int | np.integer) or n_cols < 1:
        raise ValueError(f"n_cols must be an int of at least 1, got {n_cols!r}.")
    n_cols = min(n_cols, n_panels)
    n_rows = -(-n_panels // n_cols)
    _, axes = plt.subplots(
        n_rows,
        n_cols,
        sharey=sharey,
        squeeze=False,
        figsize=(size[0] * n_cols + 0.6, size[1] * n_rows),
        layout="constrained",
    )
    for unused in axes.flat[n_panels:]:
        unused.remove()
    return axes.flat[:n_panels]


def label_panels(axes, ylabel):
    """Label those at the left, with few ticks, and explain the marks of all below the figure."""
    from matplotlib.ticker import MaxNLocator

    for ax in axes:
        ax.yaxis.set_major_locator(MaxNLocator(4))
        if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
            ax.set_ylabel(ylabel)
    add_legend(axes[0].figure, axes, loc="outside lower left", ncols=2)


def colour_bar(points, axes, label):
    """Explain the colours of all panels, which are whole numbers, below them."""
    from matplotlib.ticker import MaxNLocator

    whole = MaxNLocator("auto", integer=True)
    axes[0].figure.colorbar(
        points, ax=list(axes), label=label, ticks=whole, location="bottom", aspect=40, pad=0.02
    )


def add_legend(where, axes, **how):
    """Add a legend, of a figure or one of its axes, with each label once."""
    handles = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        where.legend(handles.values(), handles.keys(), frameon=False, **how)


def parameter_axis(ax, name, values, dimensions):
    """Make the x-axis that of a parameter.

    Parameters
    ----------
    ax : matplotlib Axes
    name : str
    values : list
        Numbers, or anything that can be hashed.
    dimensions : list of skopt.space.Dimension
        What is known of the parameter. Without, it is on a log scale if it spans more than a hundredfold.

    Returns
    -------
    list of float
        Where the values are on the axis.
    """
    ax.set_xlabel("__\n".join(name.rsplit("__", 1)) if len(name) > 24 else name)
    known = [category for dimension in dimensions for category in getattr(dimension, "categories", ())]
    if known or not all(isinstance(value, Number) for value in values):
        categories = list(dict.fromkeys([*known, *sorted(values, key=str)]))
        text_axis(ax, [str(category) for category in categories])
        return [categories.index(value) for value in values]
    wide = max(values) > 100 * min(values)
    log = any(dimension.prior == "log-uniform" for dimension in dimensions) if dimensions else wide
    number_axis(ax, values, log=log and min(values) > 0)
    return list(values)


def number_axis(ax, values, *, log=False):
    """Make the x-axis one of numbers, with few ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if not log:
        integer = all(isinstance(value, int | np.integer) for value in values)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=integer))
        return
    ax.set_xscale("log")
    narrow = max(values) < 100 * min(values)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=5))
    if narrow:
        ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def text_axis(ax, texts):
    """Make the x-axis one of texts at 0, 1, 2 and on, which stand on end if there is no room side by side."""
    short = [text if len(text) <= 20 else f"{text[:19]}…" for text in texts]
    ax.set_xticks(range(len(short)), short, rotation=90 if sum(map(len, short)) > 20 else 0)
    ax.set_xlim(-0.5, len(short) - 0.5)
