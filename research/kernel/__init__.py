"""The compiled engine: one loop over arrays with the rule's own `decide` inside, compiled by numba and kept on disk."""
