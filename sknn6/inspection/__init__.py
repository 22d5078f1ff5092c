"""What happens inside a training or a search: numbers and pictures."""

from sknn6.inspection.search import SearchDisplay

__all__ = ["SearchDisplay"]
