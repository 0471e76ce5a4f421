"""Measurements: each module's first line says what it measures, and `run(quick) -> figures` measures it.

`run.py bench` lists them, `run.py bench NAME` runs one. Figures depend on the machine; ratios within one run less so.
"""
