"""Plots of trainings, networks, whitening and searches with matplotlib: one display per module."""

from sknn6.inspection.displays.filters import FilterDisplay
from sknn6.inspection.displays.layer_statistics import LayerStatisticsDisplay
from sknn6.inspection.displays.learning_rate import LearningRateDisplay
from sknn6.inspection.displays.loss_curve import LossCurveDisplay
from sknn6.inspection.displays.search import SearchDisplay
from sknn6.inspection.displays.whitening import WhiteningDisplay

__all__ = [
    "FilterDisplay",
    "LayerStatisticsDisplay",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "SearchDisplay",
    "WhiteningDisplay",
]
