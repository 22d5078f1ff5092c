"""Create the panels of a figure and format their axes. matplotlib is imported at the first call."""

from collections.abc import Iterable, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.optional import require

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = [
    "MOST_NAMES", "add_legend", "colour_bar", "few_ticks", "label_features", "label_panels", "number_axis",
    "panels", "parameter_axis",
]  # fmt: skip

# With more features than that, their names would overlap.
MOST_NAMES = 60


def panels(
    ax: "Axes | Sequence[Axes] | Array | None",
    n_panels: int,
    *,
    n_cols: int = 1,
    size: tuple[float, float] = (2.4, 2.2),
    sharey: bool = True,
) -> Array:
    """Return n_panels Axes: the given ones, or those of a new figure.

    Raises
    ------
    ValueError
        If another number of Axes is given, or `n_cols` is not a positive int.
    """
    plt = require("matplotlib.pyplot", "sknn6[plot]")
    if ax is not None:
        axes = np.asarray(ax, object).ravel()
        if len(axes) != n_panels:
            raise ValueError(f"ax must be {n_panels} Axes, one per panel, got {len(axes)}.")
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


def label_panels(axes: Array, ylabel: str) -> None:
    """Label the y-axes of the leftmost panels, limit the ticks, and add one legend above them all."""
    from matplotlib.ticker import MaxNLocator

    for ax in axes:
        ax.yaxis.set_major_locator(MaxNLocator(4))
        if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
            ax.set_ylabel(ylabel)
    add_legend(axes[0].figure, axes, loc="outside upper left", ncols=3)


def colour_bar(points: "ScalarMappable", axes: Array, label: str) -> None:
    """Add one colour bar with integer ticks below all panels."""
    from matplotlib.ticker import MaxNLocator

    whole = MaxNLocator("auto", integer=True)
    axes[0].figure.colorbar(
        points, ax=list(axes), label=label, ticks=whole, location="bottom", aspect=40, pad=0.02
    )


def add_legend(where: "Axes | Figure", axes: "Iterable[Axes]", **how: Any) -> None:
    """Add a legend to a figure or to one of its axes that shows each label once."""
    handles: dict[str, Artist] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        where.legend(handles.values(), handles.keys(), frameon=False, **how)


def parameter_axis(ax: "Axes", name: str, values: list[Any], dimensions: list[Any]) -> list[float]:
    """Format the x-axis for the values of a parameter.

    Parameters
    ----------
    ax : matplotlib Axes
    name : str
    values : list
        Numbers, or any hashable objects.
    dimensions : list of skopt.space.Dimension
        The known dimensions of the parameter. If there are none, the scale is logarithmic for values that
        span more than a factor of 100.

    Returns
    -------
    list of float
        The positions of the values on the axis.
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


def number_axis(ax: "Axes", values: Sequence[Any] | Array, *, log: bool = False) -> None:
    """Format the x-axis for numbers, with few ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if not log:
        integer = all(isinstance(value, int | np.integer) for value in values)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=integer))
        return
    ax.set_xscale("log")
    narrow = max(values) < 100 * min(values)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=5))
    if narrow:
        ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def few_ticks(axis: "Axis") -> None:
    """Have up to four ticks, each with its own exponent: a common one would stand where a caption is."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(3))
    axis.set_major_formatter("{x:g}")


def label_features(axis: "Axis", names: Sequence[str] | Array) -> None:
    """Label an axis of an image with the names of the features, if they are few enough."""
    if len(names) <= MOST_NAMES:
        axis.set_ticks(range(len(names)), shortened(names), fontsize="small")


def shortened(texts: Iterable[str]) -> list[str]:
    """Return texts of at most 20 characters."""
    return [text if len(text) <= 20 else f"{text[:19]}…" for text in texts]


def text_axis(ax: "Axes", texts: list[str]) -> None:
    """Label the x-axis with texts at 0, 1, 2, ..., rotated if they do not fit side by side."""
    short = shortened(texts)
    ax.set_xticks(range(len(short)), short, rotation=90 if sum(map(len, short)) > 20 else 0)
    ax.set_xlim(-0.5, len(short) - 0.5)
