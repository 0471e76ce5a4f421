"""What differs between two configurations, and what of it is taken over while it trades."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.diff import Change, changes, changes_of_plain, taken_over
from config.errors import ConfigError
from config.loader import Loaded, load
from config.marks import Mark
from config.render import plain
from config.schema import Settings
from tests.support.projects import ROOT

MINE = "strategies:\n  mine:\n    kind: a.b:C\n    instruments: [NSE:INFY]\n    interval: minute\n    capital: 1\n    quantity: 1\n"


def loaded(folder: Path, text: str = "", *sets: str, env: str = "sandbox") -> Loaded:
    file = folder / "mine.yaml"
    file.write_text(text)
    return load(env, file, sets, {}, ROOT)


def short(found: tuple[Change, ...]) -> list[tuple[str, object, object, str]]:
    return [(each.path, each.old, each.new, each.mark.value) for each in found]


def test_nothing_differs_from_itself(tmp_path: Path) -> None:
    assert changes(loaded(tmp_path), loaded(tmp_path)) == ()


def test_a_changed_key_has_its_old_and_new_value_its_mark_and_its_line(tmp_path: Path) -> None:
    old = loaded(tmp_path)
    new = loaded(tmp_path, "risk:\n  daily_loss_max: 8000.5\nschedule:\n  eod_report: 15:50\n")

    found = changes(old, new)

    assert short(found) == [
        ("risk.daily_loss_max", 50_000, "8000.5", "live"),
        ("schedule.eod_report", "15:45", "15:50", "next session"),
    ]
    assert found[0].where.endswith("mine.yaml:2")
    assert found[0].words() == 'risk.daily_loss_max: 50000 → "8000.5" (live)'


def test_a_strategy_that_comes_or_goes_is_one_change(tmp_path: Path) -> None:
    old, new = loaded(tmp_path), loaded(tmp_path, MINE + "  rsi_reversion: null\n")

    fresh, gone = changes(old, new)

    assert (fresh.path, fresh.fresh, fresh.old) == ("strategies.mine", True, None)
    assert isinstance(fresh.new, dict) and fresh.new["instruments"] == ["NSE:INFY"]
    assert (gone.path, gone.gone, gone.new) == ("strategies.rsi_reversion", True, None)
    assert gone.words().endswith("→ absent (live)")


def test_a_secret_that_changed_is_seen_and_not_shown(tmp_path: Path) -> None:
    old, new = loaded(tmp_path), loaded(tmp_path, "kite:\n  api_secret: another\n")

    assert short(changes(old, new)) == [("kite.api_secret", "****", "****", "restart")]


def test_only_live_keys_are_taken_over(tmp_path: Path) -> None:
    old = loaded(tmp_path)
    text = "risk:\n  daily_loss_max: 1\n  freeze_quantities: {NIFTY: 5}\nfeed:\n  mode: quote\nlogs: {level: DEBUG}\n"
    new = loaded(tmp_path, text + MINE)

    both = taken_over(old, new)

    assert both.settings.risk.daily_loss_max == 10_000
    assert both.settings.risk.freeze_quantities == old.settings.risk.freeze_quantities
    assert (both.settings.feed, both.settings.logs) == (old.settings.feed, old.settings.logs)
    assert "mine" in both.settings.strategies
    assert {each.mark for each in changes(old, both)} == {Mark.LIVE}
    assert not any(each.mark is Mark.LIVE for each in changes(both, new)), "what is left waits"


def test_live_keys_that_do_not_go_with_what_waits_are_refused(tmp_path: Path) -> None:
    """The file is right as a whole; half of it now would not be."""
    old = loaded(tmp_path, MINE + "    on_removal: {hand_over: rsi_reversion}\n")

    with pytest.raises(ConfigError, match="hand_over"):
        loaded(tmp_path, MINE + "    on_removal: {hand_over: rsi_reversion}\n  rsi_reversion: null\n")
    assert old.settings.strategies["mine"].on_removal != "keep"


@given(st.integers(1, 500), st.integers(1, 500), st.booleans())
@settings(max_examples=15)
def test_taking_over_then_comparing_leaves_no_live_change(quantity: int, orders: int, quote: bool) -> None:
    old = load("sandbox", None, (), {}, ROOT)
    sets = [f"risk.max_quantity_per_order={quantity}", f"risk.open_orders={orders}"]
    new = load("sandbox", None, [*sets, "feed.mode=quote"] if quote else sets, {}, ROOT)

    both = taken_over(old, new)

    left = changes(both, new)
    assert [each.path for each in left] == (["feed.mode"] if quote else [])
    assert taken_over(both, new).settings == both.settings, "once more changes nothing"


def test_what_is_shown_is_compared_the_same_way_but_for_secrets(tmp_path: Path) -> None:
    old = loaded(tmp_path)
    new = loaded(tmp_path, "risk:\n  open_orders: 7\nkite:\n  api_secret: another\n")

    found = changes_of_plain(plain(old.settings, Settings), plain(new.settings, Settings))

    assert short(found) == [("risk.open_orders", 100, 7, "live")]
