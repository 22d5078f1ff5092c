"""What happens inside a training or a search: numbers and pictures."""

from sknn6.inspection.search import SearchDisplay
from sknn6.inspection.statistics import LayerStatistics, layer_statistics

__all__ = ["LayerStatistics", "SearchDisplay", "layer_statistics"]
