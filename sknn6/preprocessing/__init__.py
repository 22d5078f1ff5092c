"""What happens to X before the network."""

from sknn6.preprocessing.standardizer import Standardizer
from sknn6.preprocessing.whitener import Whitener

__all__ = ["Standardizer", "Whitener"]
