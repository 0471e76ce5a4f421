"""The sample strategies: pure, loadable by name, and busy on the sandbox's market."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from domain.bars import Bar
from domain.strategies.ma_crossover import MaCrossover
from domain.strategies.pulse import Pulse
from domain.strategies.rsi_reversion import RsiReversion
from domain.strategy.adapter import RuleEvents
from domain.strategy.load import find_strategy, load_strategy
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets, parameters_of, row_type
from domain.values import SECOND
from sandbox.instruments import Universe
from sandbox.tape import Market
from tests.market.making import INFY, OPENS
from tests.strategy.playing import a_runner, play, warmed

FRIDAY = dt.date(2026, 11, 20)
RULES: list[RuleStrategy] = [MaCrossover(), RsiReversion()]


def a_day_of_bars(symbol: str, day: dt.date, seed: int) -> list[Bar]:
    """The sandbox's minute bars, moved to the tests' Friday and to INFY's token."""
    instrument = Universe(FRIDAY).find(f"NSE:{symbol}")
    assert instrument is not None
    start = OPENS - (FRIDAY - day).days * 86_400
    return [
        Bar(INFY, 60, (start + minute * 60) * SECOND, o, h, low, c, volume)
        for minute, o, h, low, c, volume, _ in Market(seed).past_bars(instrument, day).tolist()
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("symbol", "seed"), [("INFY", 1), ("SBIN", 2)])
def test_it_trades_several_times_a_day_and_goes_both_ways(rule: RuleStrategy, symbol: str, seed: int) -> None:
    history = a_day_of_bars(symbol, dt.date(2026, 11, 18), seed) + a_day_of_bars(symbol, dt.date(2026, 11, 19), seed)
    runner = warmed(a_runner(rule), history)

    made = play(runner, a_day_of_bars(symbol, FRIDAY, seed))

    entries = [each for each in made if not each.reduce_only]
    assert len(entries) >= 5
    assert {each.side.value for each in entries} == {"BUY", "SELL"}
    assert all(one.reduce_only != two.reduce_only for one, two in itertools.pairwise(made))
    last_entry = max(each.event_time for each in entries)
    assert last_entry <= (OPENS + 330 * 60) * SECOND


@pytest.mark.parametrize("rule", RULES, ids=lambda each: type(each).__name__)
def test_decide_is_a_pure_function_of_scalars(rule: RuleStrategy) -> None:
    """It uses its arguments and Targets and nothing else, so that research can compile it as it stands."""
    code = rule.decide.__code__
    values = (30.0, 50.0, 70.0)
    row = row_type(tuple(rule.indicators()))
    parameters = parameters_of(rule)
    columns = len(rule.indicators())

    assert rule.decide.__closure__ is None
    allowed = {"Targets", "size", "quantity", "pending", "minutes_left", "bars_held"}
    allowed |= set(rule.indicators()) | set(rule.__struct_fields__)
    assert set(code.co_names) <= allowed
    assert all(isinstance(each, int | float) for each in parameters)
    rows = list(itertools.product(values, repeat=columns))
    for held, now, before in itertools.product((-10, 0, 10), rows, rows):
        bar = (1.0, 1.0, 1.0, 1.0, 1.0)
        book = Book(held, 0, 10, 50.0 if held else 0.0, 3 if held else 0)
        arguments = (row(*bar, *now), row(*bar, *before), book, SessionNow(30, 30, 300), NoState(), parameters)
        once, twice = rule.decide(*arguments), rule.decide(*arguments)
        assert once == twice
        assert isinstance(once[0], Targets)
        assert abs(once[0].quantity) in (0, 10)


def a_decision(
    rule: RuleStrategy, now: dict[str, float], before: dict[str, float], held: int = 0, bars: int = 1, left: int = 200
) -> int:
    row = row_type(tuple(rule.indicators()))
    bar = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    book = Book(held, 0, 10, 1.0 if held else 0.0, bars if held else 0)
    arguments = (row(**bar, **now), row(**bar, **before), book, SessionNow(9, 9, left), NoState(), parameters_of(rule))
    wanted: Targets = rule.decide(*arguments)[0]
    return wanted.quantity


UP, DOWN, LEVEL = {"fast": 11.0, "slow": 10.0}, {"fast": 9.0, "slow": 10.0}, {"fast": 10.0, "slow": 10.0}


@pytest.mark.parametrize(
    ("before", "now", "held", "left", "wanted"),
    [
        (DOWN, UP, 0, 200, 10),
        (LEVEL, UP, 0, 200, 10),
        (UP, UP, 0, 200, 0),
        (UP, DOWN, 10, 200, -10),
        (UP, UP, 10, 200, 10),
        (DOWN, DOWN, 10, 200, 0),
        (UP, UP, -10, 200, 0),
        (DOWN, UP, 0, 30, 0),
        (UP, DOWN, 10, 30, 0),
    ],
)
def test_what_the_crossover_wants(
    before: dict[str, float], now: dict[str, float], held: int, left: int, wanted: int
) -> None:
    assert a_decision(MaCrossover(), now, before, held, left=left) == wanted


@pytest.mark.parametrize(
    ("before", "now", "held", "bars", "left", "wanted"),
    [
        (40, 34, 0, 0, 200, 10),
        (34, 33, 0, 0, 200, 0),
        (60, 66, 0, 0, 200, -10),
        (34, 49, 10, 5, 200, 10),
        (34, 50, 10, 5, 200, 0),
        (66, 50, -10, 5, 200, 0),
        (34, 40, 10, 60, 200, 0),
        (40, 34, 0, 0, 30, 0),
        (34, 51, 10, 5, 10, 0),
    ],
)
def test_what_the_reversion_wants(before: float, now: float, held: int, bars: int, left: int, wanted: int) -> None:
    assert a_decision(RsiReversion(), {"rsi": now}, {"rsi": before}, held, bars, left) == wanted


def test_strategies_are_loaded_by_name_with_their_parameters() -> None:
    loaded = load_strategy("domain.strategies.ma_crossover:MaCrossover", {"fast": 3, "slow": 9})

    assert loaded == MaCrossover(fast=3, slow=9)
    assert load_strategy("domain.strategies.pulse:Pulse", {}) == Pulse()
    assert find_strategy("domain.strategies.rsi_reversion:RsiReversion") is RsiReversion


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("nonsense", {}, "want MODULE:CLASS"),
        ("no.such.module:X", {}, "cannot import no.such.module"),
        ("domain.strategies.pulse:Nope", {}, "domain.strategies.pulse has no class Nope"),
        ("domain.strategies.pulse:Side", {}, "Side is neither a RuleStrategy nor an EventStrategy"),
        ("domain.strategies.ma_crossover:MaCrossover", {"fats": 3}, "unknown field `fats`"),
        ("domain.strategies.ma_crossover:MaCrossover", {"fast": 1}, "fast: Expected `int` >= 2"),
        ("domain.strategies.ma_crossover:MaCrossover", {"fast": "5"}, "fast: Expected `int`, got `str`"),
        ("domain.strategies.ma_crossover:MaCrossover", {"fast": 20, "slow": 10}, "must be below slow"),
        ("domain.strategies.rsi_reversion:RsiReversion", {"low": 49, "middle": 40}, "want low < middle < high"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_in_one_line(
    path: str, parameters: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        load_strategy(path, parameters)

    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_of_the_bar_cannot_be_an_indicators_name() -> None:
    with pytest.raises(ValueError, match="'close': that is a column of the bar itself"):
        row_type(("fast", "close"))


def test_the_warm_up_of_the_samples() -> None:
    assert [RuleEvents(rule).needs().warm_up_bars for rule in RULES] == [16, 8 + 50 * 10 + 1]
