"""The course of a training: its state, its loops, when it stops, and what is told of it.

Nothing here knows an estimator. What a training needs of one comes as `Settings`, `Targets` and functions.
"""
