"""A stage for each test, at 11:00 of a trading day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.stage import Stage
from tests.timetable.market_clocks import at


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, at("11:00"))
    yield stage
    stage.close()
