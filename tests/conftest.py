"""What every test shares: the option that picks one long suite."""

import pytest


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
