"""The engine: NumPy and SciPy only, knows nothing of scikit-learn."""
