"""Small real implementations of ports, in memory. Imported as `tests.fakes.…`."""
