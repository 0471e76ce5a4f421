"""Helpers for tests. Imported as `tests.support.…`: the project's folder is on the path."""
