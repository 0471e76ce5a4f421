"""What every test shares: the option that picks one long suite, and how hypothesis draws its examples.

No deadline for a single example: a busy machine stretches it by any factor, and pytest-timeout bounds a whole test. The
normal run draws the same examples each time, so that it says the same of the same code; a long suite, and `--explore`,
draw new ones.
"""

import signal

import pytest
from hypothesis import settings

# Whoever starts the tests in the background may have them ignore SIGINT, and every program they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("explore", deadline=None)
settings.register_profile("steady", deadline=None, derandomize=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", default=None, metavar="NAME", help="only tests marked long(NAME)")
    parser.addoption("--explore", action="store_true", help="hypothesis draws other examples than the last time")


def pytest_configure(config: pytest.Config) -> None:
    explores = config.getoption("--explore") or config.getoption("--long") is not None
    settings.load_profile("explore" if explores else "steady")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--long")
    if wanted is None:
        return
    kept = [item for item in items if any(wanted in mark.args for mark in item.iter_markers("long"))]
    dropped = [item for item in items if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = kept
