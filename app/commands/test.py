"""`test`: the checks and the tests, as CI runs them."""

from app import testing


def run(arguments: list[str]) -> int:
    """Checks and tests; see `app.testing`."""
    return testing.main(arguments)
