"""When a changed key takes effect: every key says so."""

import pytest

from config.loader import load
from config.marks import Mark, every_mark, mark_of
from tests.support.projects import ROOT


def test_every_key_has_a_mark() -> None:
    marked = dict(every_mark())  # raises KeyError, naming the key, where one has none

    assert marked["risk.daily_loss_max"] is Mark.LIVE
    assert marked["strategies.*.parameters"] is Mark.LIVE
    assert len(marked) > 150


def test_every_setting_in_force_has_the_mark_of_its_key() -> None:
    for path in load("sandbox", None, (), {}, ROOT).origins:
        assert isinstance(mark_of(path), Mark)


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("risk.daily_loss_max", Mark.LIVE),
        ("risk.freeze_quantities.NIFTY", Mark.NEXT_SESSION),
        ("risk.mis_cutoff.equity", Mark.NEXT_SESSION),
        ("strategies.mine.parameters.fast", Mark.LIVE),
        ("strategies.mine", Mark.LIVE),
        ("strategies.mine.exits.stop_percent", Mark.LIVE),
        ("strategies.mine.on_removal", Mark.LIVE),
        ("strategies", Mark.LIVE),
        ("alerts.channels.phone.level", Mark.RESTART),
        ("orders", Mark.RESTART),
        ("kite.pacing.quote_per_second", Mark.RESTART),
    ],
)
def test_the_mark_of_a_path(path: str, mark: Mark) -> None:
    assert mark_of(path) is mark


@pytest.mark.parametrize("path", ["risk.nothing", "nothing", "strategies.mine.nothing"])
def test_what_is_no_setting_has_none(path: str) -> None:
    with pytest.raises(KeyError):
        mark_of(path)
