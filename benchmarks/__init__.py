"""Measurements. Each module has `NAME`s nobody else needs: its docstring says what it measures, `run(quick)` measures.

`run.py bench` lists them, `run.py bench NAME` runs one. Figures depend on the machine; ratios within one run less so.
"""
