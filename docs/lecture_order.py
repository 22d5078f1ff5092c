"""The order of the gallery."""

__all__ = ["LectureOrder"]

# As in the lecture; what is not named comes last.
ORDER = [
    "tune_digits.py",
    "plot_activations.py",
    "plot_whitening.py",
    "plot_initialization.py",
    "plot_layer_statistics.py",
    "plot_batch_normalization.py",
    "plot_switchable_whitening.py",
    "plot_gradient_accumulation.py",
    "plot_babysitting.py",
    "plot_table.py",
    "plot_regression.py",
    "plot_intervals.py",
    "plot_unbalanced.py",
    "plot_explaining.py",
    "plot_time.py",
    "plot_search.py",
    "plot_search_display.py",
    "plot_out_of_core.py",
]


class LectureOrder:
    """A key that sorts examples in the lecture's order."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name):
        """Return the place of an example."""
        return ORDER.index(name) if name in ORDER else len(ORDER)
