"""The whole system in a simulated world, under faults that a seed chooses, watched by a checker that knows the truth.

`faults` says what can go wrong, `world` builds the world and runs one seed, `checker` and `verdict` hold the
invariants, `mutants` are deliberate breakages that prove the checker, `pool` runs many seeds.
"""
