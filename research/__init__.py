"""Backtests, optimisation, walk-forward and bias checks: compiled kernels live here and load in no trading process."""
