"""What every test shares: the option that picks one long suite, and no deadline for a single example.

A busy machine stretches an example by any factor; what a test may take is bounded by pytest-timeout.
"""

import pytest
from hypothesis import settings

settings.register_profile("patang", deadline=None)
settings.load_profile("patang")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", default=None, metavar="NAME", help="only tests marked long(NAME)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--long")
    if wanted is None:
        return
    kept = [item for item in items if any(wanted in mark.args for mark in item.iter_markers("long"))]
    dropped = [item for item in items if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = kept
