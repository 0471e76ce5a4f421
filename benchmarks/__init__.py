"""Measurements: each module's first line says what it measures, and `run(quick) -> figures` measures it.

`run.py bench` lists them, `run.py bench NAME` runs one, `run.py bench all` every one, each in a process of its own. A
module whose `run` also takes `long` has more to say when given an hour. Figures depend on the machine; ratios within
one run less so.
"""
