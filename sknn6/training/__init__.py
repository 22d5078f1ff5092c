"""The course of a training: its state, its loops, its stopping criteria, callbacks and warnings.

No module here imports the estimators. What a training needs of them is passed as `Settings` and functions.
"""
