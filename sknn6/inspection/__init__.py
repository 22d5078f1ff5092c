"""Statistics, checks and plots of networks, trainings and searches."""

from sknn6.inspection.displays import (
    FilterDisplay,
    LayerStatisticsDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    SearchDisplay,
    WhiteningDisplay,
)
from sknn6.inspection.learning_rate import LearningRateRange, learning_rate_range_test
from sknn6.inspection.sanity import SanityReport, sanity_check
from sknn6.inspection.statistics import LayerStatistics, layer_statistics

__all__ = [
    "FilterDisplay",
    "LayerStatistics",
    "LayerStatisticsDisplay",
    "LearningRateDisplay",
    "LearningRateRange",
    "LossCurveDisplay",
    "SanityReport",
    "SearchDisplay",
    "WhiteningDisplay",
    "layer_statistics",
    "learning_rate_range_test",
    "sanity_check",
]
