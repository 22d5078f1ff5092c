"""The engine: networks and their training on NumPy and SciPy, independent of scikit-learn."""
