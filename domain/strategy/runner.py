"""Runs one strategy: what the strategy's actor thinks with. Events in, order intents out.

Decisions rest on complete, live, fresh bars alone: a bar that is backfilled, has missing ticks, comes too late, or
precedes the end of the warm-up feeds indicators and decides nothing, neither entries nor exits. (Leaving a position
does not depend on it: stops watch prices, and the square-off is the risk gate's.)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from domain.bars import Bar
from domain.errors import CalendarUnknown
from domain.exits.values import ExitLevels
from domain.market.buckets import NO_HOURS, Hours
from domain.messages.gtt import GttIntent, ModifyGttIntent
from domain.messages.journal import JournalEvent
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import CancelIntent, ModifyIntent, OrderIntent
from domain.messages.plans import MoveExit
from domain.risk.sizing import AverageRange, FixedQuantity, Situation, Sizing, bars_needed, size, units_of
from domain.strategy.adapter import RuleEvents
from domain.strategy.asks import Ask, Asked, CancelDraft, GttDraft, ModifyDraft, ModifyGttDraft, OwnGtt
from domain.strategy.chain import Chain, chain_of
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, OwnOrder
from domain.strategy.holding import Held
from domain.strategy.ledger import StrategyLedger
from domain.strategy.rows import Rows
from domain.strategy.rule import Row, RuleStrategy, SessionNow
from domain.values import E4, RUPEE, SECOND, Instrument, Nanos, Product

_DAY = 86_400 * SECOND
_IST = 19_800 * SECOND

Today = Callable[[int, Nanos], Hours]
"""(token, market time) -> the session of that market day."""

Strategy = RuleStrategy | EventStrategy


class RunnerSettings(Struct, frozen=True):
    """How a strategy trades.

    interval_seconds      length of the bars it decides on
    intent_valid_seconds  market seconds for which an intent may be sent, and a closed bar may be decided on
    capital               most that one position may be worth, 1/10,000 rupee; 0: no such limit
    config_version        stamped on intents
    managed_exits         somebody else watches stop, target and trail: decisions only say where they are
    """

    interval_seconds: int
    product: Product
    sizing: Sizing
    intent_valid_seconds: float
    capital: E4 = 0
    config_version: int = 1
    managed_exits: bool = False

    def goes_on_as(self, other: RunnerSettings) -> bool:
        """Whether a strategy may go on with these other settings, without beginning anew."""
        ranged = bars_needed(self.sizing) == bars_needed(other.sizing)
        alike = ("interval_seconds", "product", "managed_exits")
        return ranged and all(getattr(self, name) == getattr(other, name) for name in alike)


class Standing(Struct, frozen=True):
    """What a strategy holds and has under way, by token, in signed units.

    held       instruments that it ever held, fills that are only seen included
    confirmed  the same by booked trades alone
    pending    its own instruments
    """

    held: Mapping[int, int]
    confirmed: Mapping[int, int]
    pending: Mapping[int, int]


def loads_of(needs: Needs, settings: RunnerSettings) -> dict[int, int]:
    """Bars of history to load, by interval: what the strategy needs, and what its sizing does."""
    loads = {seconds: bars for seconds, bars in needs.loads(settings.interval_seconds).items() if bars}
    ranged = bars_needed(settings.sizing)
    if ranged:
        loads[settings.interval_seconds] = max(loads.get(settings.interval_seconds, 0), ranged)
    return loads


class _Series:
    """One instrument's bars on their way to the strategy: held back until the history of every interval is here.

    awaited  intervals whose warm-up has not come
    history  of coarser intervals, what came ahead of the own
    """

    __slots__ = ("awaited", "buffer", "history", "last_start", "range", "rows")

    def __init__(self, awaited: Iterable[int], rows: Rows, range_bars: int) -> None:
        self.range = AverageRange(range_bars)
        self.awaited = set(awaited)
        self.buffer: list[Bar] = []
        self.history: list[Bar] = []
        self.last_start: Nanos = -1
        self.rows = rows


class StrategyRunner:
    """See the module. Every call takes market time and answers with the intents to send.

    quiet_until  before that nothing is decided: an intent of a former incarnation may still be on its way to the
                 journal, and must be seen there or have lapsed first
    lapsed       intents that nobody ever journaled
    enabled      False: what would open or grow a position is not ordered; positions are still left

    rows  who makes an instrument's rows, where that is not done bar by bar (research knows them ahead)
    """

    def __init__(
        self,
        strategy_id: str,
        strategy: Strategy,
        instruments: Sequence[Instrument],
        settings: RunnerSettings,
        today: Today,
        rows: Callable[[Instrument], Rows] | None = None,
    ) -> None:
        self.strategy_id = strategy_id
        self.ledger = StrategyLedger(strategy_id)
        self.quiet_until: Nanos = 0
        self.lapsed = 0
        self.enabled = True
        self._asked: list[Asked] = []
        self._asked_ids: set[str] = set()
        self.decided = 0
        managed = settings.managed_exits
        self._strategy = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy, managed=managed)
        self._settings = settings
        self._moves: list[MoveExit] = []
        self._levels: dict[int, ExitLevels] = {}
        self._valid = int(settings.intent_valid_seconds * SECOND)
        self._instruments = {each.token: each for each in instruments}
        self._needs = self._strategy.needs()
        self._ranged = bool(bars_needed(settings.sizing))
        legs = self._strategy.rule.legs if isinstance(self._strategy, RuleEvents) else ()
        if legs and len(legs) != len(self._instruments):
            count = len(self._instruments)
            raise ValueError(f"strategy {strategy_id}: trades {', '.join(legs)} together and has {count} instruments")
        self._loads = loads_of(self._needs, settings)
        self._warm_up = max(self._needs.decides_after(settings.interval_seconds), bars_needed(settings.sizing))
        self._made: E4 | None = None
        self._sized: dict[int, tuple[int, Sizing, Situation]] = {}  # of which an order's words may be asked
        self._series = {
            token: _Series(
                self._loads,
                Rows(self._needs.indicators, settings.interval_seconds, self._needs.keep_bars)
                if rows is None
                else rows(each),
                bars_needed(settings.sizing),
            )
            for token, each in self._instruments.items()
        }
        self._prices: dict[int, PriceChanged] = {}
        self._stopped: dict[int, int] = {}  # token -> IST day on which it decides no more
        self._view = _View(self, today, self._strategy.remember())

    @property
    def needs(self) -> Needs:
        """What it is to be told."""
        return self._needs

    @property
    def series(self) -> tuple[tuple[int, int], ...]:
        """(token, interval) of every series that it warms up on."""
        return tuple((token, seconds) for token in self._instruments for seconds in self._loads)

    @property
    def warming(self) -> int:
        """Series whose warm-up has not come."""
        return sum(bool(each.awaited) for each in self._series.values())

    @property
    def timed(self) -> bool:
        """Whether it wants to be told of time."""
        return self._needs.timer

    @property
    def process(self) -> None:
        """It runs where it is called."""

    def check(self) -> None:
        """Nothing of its own can be gone."""

    def close(self) -> None:
        """Nothing is to be given back."""

    def reconfigure(self, settings: RunnerSettings) -> None:
        """From here on trade by these, with which it `goes_on_as`."""
        self._settings = settings
        self._valid = int(settings.intent_valid_seconds * SECOND)

    def start_cold(self) -> None:
        """No history comes: the bars to come are all there is (a backtest begins so)."""
        for series in self._series.values():
            series.awaited.clear()

    # -- events ------------------------------------------------------------------------------------------------------

    def bar(self, bar: Bar, now: Nanos) -> list[OrderIntent]:
        """A live bar closed."""
        series = self._series_of(bar.token)
        if series is None or bar.interval_seconds != self._settings.interval_seconds:
            return []  # coarser bars are made from the own ones, so that research makes the same
        if series.awaited:
            series.buffer.append(bar)
            return []
        return self._take(series, bar, now)

    def backfilled(self, message: BarsBackfilled, now: Nanos) -> list[OrderIntent]:
        """History: the warm-up, or a gap. Bars already taken are left out."""
        series = self._series_of(message.token)
        own = self._settings.interval_seconds
        if series is None or not (message.interval_seconds in self._loads or message.interval_seconds == own):
            return []
        series.awaited.discard(message.interval_seconds)
        if message.interval_seconds == own:
            # A bar that came live is better than the same one from history: it may be decided on.
            live = {bar.start for bar in series.buffer if not bar.backfilled}
            series.buffer += [bar for bar in message.bars if bar.start not in live]
        else:
            series.history += message.bars
        return [] if series.awaited else self._release(series, now)

    def price(self, price: PriceChanged, now: Nanos) -> list[OrderIntent]:
        """The newest price."""
        if price.token not in self._instruments:
            return []
        self._prices[price.token] = price
        if not self._needs.prices or not self._may_decide(price.token, now):
            return []
        drafts = self._strategy.on_price(self._view.at(now), price)
        return self._emit(drafts, now) if drafts else []

    def levels(self, token: int, now: Nanos) -> Sequence[E4]:
        """Prices at which the strategy would act now, for those who walk through a bar."""
        if not self._needs.prices or not self._may_decide(token, now):
            return ()
        return self._strategy.levels(self._view.at(now), token)

    def moves(self) -> list[MoveExit]:
        """Levels that decisions have moved since this was last asked."""
        moves, self._moves = self._moves, []
        return moves

    def timer(self, now: Nanos) -> list[OrderIntent]:
        """Time has passed."""
        if not self._needs.timer or now < self.quiet_until:
            return []
        return self._emit(self._strategy.on_timer(self._view.at(now)), now)

    def journaled(self, event: JournalEvent, now: Nanos) -> list[OrderIntent]:
        """One event of the journal, once, in order."""
        self._made = None
        ledger = self.ledger
        token = ledger.apply(event)
        if token is None or not self._may_decide(token, now):
            return []
        fill = Fill(token, ledger.quantity(token), ledger.pending(token), now)
        drafts = self._strategy.on_fill(self._view.at(now), fill)
        return self._emit(drafts, now) if drafts else []

    def fold(self, event: JournalEvent) -> None:
        """One event of the journal from before: nothing is decided on it."""
        self._made = None
        self.ledger.apply(event)

    def standing(self) -> Standing:
        """What it holds and has under way."""
        ledger = self.ledger
        return Standing(
            held={token: ledger.quantity(token) for token in ledger.tokens()},
            confirmed={token: ledger.confirmed(token) for token in ledger.tokens()},
            pending={token: ledger.pending(token) for token in self._instruments},
        )

    def refused(self, intent_id: str) -> None:
        """Denied by the risk gate, or void before the journal."""
        self.ledger.denied(intent_id)

    def square_off(self, tokens: Sequence[int], now: Nanos) -> None:
        """No more decisions on these instruments today."""
        for token in tokens:
            if token in self._instruments:
                self._stopped[token] = _day(now)

    # -- for who decides on quiet bars by itself -----------------------------------------------------------------------

    @property
    def memory(self) -> object:
        """What the strategy remembers."""
        return self._view.memory

    @property
    def warm_up(self) -> int:
        """Bars that must have been seen before the first decision."""
        return self._warm_up

    def units(self, token: int, price: E4) -> int:
        """Units of one position at that price."""
        return self._view.size(token, price)

    def is_stopped(self, token: int, now: Nanos) -> bool:
        """Nothing more is decided on the instrument on that day."""
        stopped = self._stopped.get(token)
        return stopped is not None and stopped == _day(now)

    def passed(self, token: int, start: Nanos, decisions: int) -> None:
        """Bars up to the one of that start went by elsewhere, with so many decisions that ordered nothing."""
        self._series[token].last_start = start
        self.decided += decisions

    # -- inside --------------------------------------------------------------------------------------------------------

    def fresh(self, decided: Nanos, now: Nanos) -> bool:
        """A decision that rests on that instant may still be acted on."""
        return now - decided <= self._valid

    def _series_of(self, token: int) -> _Series | None:
        return self._series.get(token) if self._needs.bars else None

    def _release(self, series: _Series, now: Nanos) -> list[OrderIntent]:
        """Whatever waited, oldest first, coarser intervals ahead of the bars that may be decided with them."""
        coarse, series.history = series.history, []
        own, series.buffer = series.buffer, []
        view = self._view.at(now)
        for bar in sorted(coarse, key=lambda each: each.start):
            series.rows.coarse(bar, view.hours(bar.token, bar.start))
            self._strategy.on_history(view, bar)
        intents: list[OrderIntent] = []
        for bar in sorted(own, key=lambda each: each.start):
            intents.extend(self._take(series, bar, now))
        return intents

    def _take(self, series: _Series, bar: Bar, now: Nanos) -> list[OrderIntent]:
        if bar.start <= series.last_start:
            return []
        series.last_start = bar.start
        view = self._view.at(now)
        if self._ranged:
            series.range.push(bar)
        series.rows.push(bar, view.hours(bar.token, bar.start))
        decidable = (
            bar.complete
            and not bar.backfilled
            and series.rows.seen > self._warm_up
            and self.fresh(bar.end, now)
            and self._may_decide(bar.token, now)
        )
        if not decidable:
            self._strategy.on_history(view, bar)
            return []
        self.decided += 1
        drafts = self._strategy.on_bar(view, bar)
        intents = self._emit(drafts, now) if drafts else []
        self._note_levels(bar.token, now)
        return intents

    def _note_levels(self, token: int, now: Nanos) -> None:
        """A rule's targets are the whole wish: where it holds something, those who watch are told of another one."""
        if not self._settings.managed_exits or not isinstance(self._strategy, RuleEvents):
            return
        levels = self._strategy.wished(self._view, token)
        if self.ledger.quantity(token) and levels is not None and levels != self._levels.get(token):
            self._levels[token] = levels
            self._moves.append(MoveExit(self.strategy_id, token, levels, now))

    def _realised(self) -> E4:
        """What the strategy has made with what it has closed, before charges: summed up once for each event."""
        made = self._made
        if made is None:
            held = set(self.ledger.tokens()).intersection(self._instruments)
            made = self._made = sum(self.ledger.realised(token) * self._instruments[token].multiplier for token in held)
        return made

    def _may_decide(self, token: int, now: Nanos) -> bool:
        if now < self.quiet_until or token not in self._instruments:
            return False
        return not self._stopped or not self.is_stopped(token, now)

    def take_asked(self) -> list[Asked]:
        """What was asked for besides orders, since it was taken last."""
        asked, self._asked = self._asked, []
        return asked

    def _ask(self, ask: Ask, now: Nanos) -> None:
        instrument = self._instruments.get(ask.token)
        if instrument is None:
            raise ValueError(f"strategy {self.strategy_id}: asks about token {ask.token}, which is not its own")
        if isinstance(ask, CancelDraft):
            self._asked.append(CancelIntent(self.strategy_id, ask.tag, ask.reason))
            return
        unique = f"{self.strategy_id}:{ask.event}:{ask.token}.{ask.leg}"
        if unique in self._asked_ids:
            return
        self._asked_ids.add(unique)
        until, version = now + self._valid, self._settings.config_version
        match ask:
            case ModifyDraft(tag=tag, change=change, event=event, reference_price=price, reason=reason):
                self._asked.append(
                    ModifyIntent(
                        unique,
                        self.strategy_id,
                        tag,
                        change,
                        price,
                        until,
                        event,
                        now,
                        why=reason,
                        config_version=version,
                    )
                )
            case GttDraft(legs=legs, event=event, reference_price=price, reason=reason):
                self._asked.append(
                    GttIntent(
                        intent_id=unique,
                        strategy=self.strategy_id,
                        token=ask.token,
                        instrument=instrument.key,
                        product=self._settings.product,
                        legs=legs,
                        reference_price=price,
                        valid_until=until,
                        event_time=event,
                        decided_time=now,
                        reason=reason,
                        config_version=version,
                    )
                )
            case ModifyGttDraft(tag=tag, legs=legs, reference_price=price, reason=reason):
                asked = ModifyGttIntent(unique, self.strategy_id, tag, legs, price, until, now, why=reason)
                self._asked.append(asked)

    def _explained(self, draft: IntentDraft) -> str:
        """The decision's reason, and how its size came about where the sizing gave it: both stay with the order."""
        if draft.reduce_only or isinstance(self._settings.sizing, FixedQuantity):
            return draft.reason
        sized = self._sized.get(draft.token)
        if sized is None or sized[0] != draft.quantity:
            return draft.reason
        return f"{draft.reason} [{size(*sized[1:]).why}]".strip()

    def _emit(self, drafts: Sequence[IntentDraft | Ask], now: Nanos) -> list[OrderIntent]:
        intents = []
        for draft in drafts:
            if not isinstance(draft, IntentDraft):
                self._ask(draft, now)
                continue
            instrument = self._instruments.get(draft.token)
            if instrument is None or draft.quantity <= 0:
                raise ValueError(
                    f"strategy {self.strategy_id}: wants {draft.quantity} of token {draft.token}; "
                    "want a positive quantity of one of its own instruments"
                )
            if draft.levels and not self._settings.managed_exits:
                raise ValueError(
                    f"strategy {self.strategy_id}: its decision names a stop, target or trail that nobody watches; "
                    "say `exits` in its configuration"
                )
            intent_id = f"{self.strategy_id}:{draft.event}:{draft.token}.{draft.leg}"
            if self.is_stopped(draft.token, now) or self.ledger.knows(intent_id):
                continue
            if not self.enabled and not draft.reduce_only:
                continue
            intent = OrderIntent(
                intent_id=intent_id,
                strategy=self.strategy_id,
                token=draft.token,
                instrument=instrument.key,
                side=draft.side,
                quantity=draft.quantity,
                product=self._settings.product,
                kind=draft.kind,
                reference_price=draft.reference_price,
                valid_until=now + self._valid,
                event_time=draft.event,
                decided_time=now,
                reduce_only=draft.reduce_only,
                price=draft.price,
                trigger_price=draft.trigger_price,
                reason=self._explained(draft),
                config_version=self._settings.config_version,
                levels=draft.levels,
                validity=draft.validity,
                ttl_minutes=draft.ttl_minutes,
                variety=draft.variety,
                disclosed_quantity=draft.disclosed_quantity,
                iceberg_legs=draft.iceberg_legs,
            )
            self.ledger.emitted(intent)
            intents.append(intent)
        return intents


class _View:
    """The runner through the strategy's eyes."""

    def __init__(self, runner: StrategyRunner, today: Today, memory: object) -> None:
        self._runner = runner
        self._today = today
        self._hours: dict[int, tuple[Nanos, Hours]] = {}  # by token: first instant of the IST day, and its session
        self._newest_session: tuple[int, Hours, SessionNow] | None = None  # many instruments' bars end together
        self.memory = memory
        self.now: Nanos = 0

    def at(self, now: Nanos) -> _View:
        """The same view, later."""
        self.now = now
        gone = self._runner.ledger.lapse(now)
        if gone:
            self._runner.lapsed += len(gone)
        return self

    @property
    def instruments(self) -> Sequence[Instrument]:
        return tuple(self._runner._instruments.values())  # noqa: SLF001 - one thing in two classes

    @property
    def interval_seconds(self) -> int:
        return self._runner._settings.interval_seconds  # noqa: SLF001 - as above

    def instrument(self, token: int) -> Instrument:
        return self._runner._instruments[token]  # noqa: SLF001 - as above

    def quantity(self, token: int) -> int:
        return self._runner.ledger.quantity(token)

    def pending(self, token: int) -> int:
        return self._runner.ledger.pending(token)

    def busy(self, token: int) -> bool:
        return self._runner.ledger.busy(token)

    def entry(self, token: int) -> float:
        return self._runner.ledger.entry(token) / RUPEE

    def opened(self, token: int) -> Nanos:
        return self._runner.ledger.opened(token)

    def size(self, token: int, price: E4) -> int:
        runner, listed = self._runner, self.instrument(token)
        settings = runner._settings  # noqa: SLF001 - as above
        now = Situation(
            price=price,
            lot_size=listed.lot_size,
            multiplier=listed.multiplier,
            capital=settings.capital,
            equity=settings.capital + runner._realised(),  # noqa: SLF001 - as above
            range=runner._series[token].range.value if token in runner._series else 0,  # noqa: SLF001 - as above
        )
        units = units_of(settings.sizing, now)
        runner._sized[token] = units, settings.sizing, now  # noqa: SLF001 - as above
        return units

    def fresh(self, decided: Nanos) -> bool:
        return self._runner.fresh(decided, self.now)

    def price(self, token: int) -> PriceChanged | None:
        return self._runner._prices.get(token)  # noqa: SLF001 - as above

    def row(self, token: int) -> Row | None:
        return self._rows(token).row

    def before(self, token: int) -> Row | None:
        return self._rows(token).before

    def ready(self, token: int) -> bool:
        return self._rows(token).ready

    def warm(self, token: int) -> bool:
        return self._rows(token).seen > self._runner._warm_up  # noqa: SLF001 - as above

    def newest(self, token: int) -> Bar | None:
        return self._rows(token).newest

    def bars(self, token: int) -> Sequence[Bar]:
        return tuple(self._rows(token).kept)

    def bars_since(self, token: int, opened: Nanos) -> int:
        return self._rows(token).bars_since(opened)

    def held_at(self, token: int, instant: Nanos) -> Held:
        return self._runner.ledger.held_at(token, instant)

    def lots(self, token: int) -> Sequence[tuple[int, E4]]:
        return self._runner.ledger.lots(token)

    def orders(self, token: int) -> Sequence[OwnOrder]:
        return tuple(
            OwnOrder(token, intent_id, tag, intent_id.rpartition(".")[2], quantity, rest)
            for intent_id, tag, quantity, rest in self._runner.ledger.open_orders(token)
        )

    def gtts(self, token: int) -> Sequence[OwnGtt]:
        return self._runner.ledger.open_gtts(token)

    def chain(self, name: str, expiry: dt.date | None = None) -> Chain | None:
        return chain_of(self.instruments, name, expiry)

    def hours(self, token: int, instant: Nanos) -> Hours:
        try:
            return self._session_hours(token, instant)
        except CalendarUnknown:
            return NO_HOURS  # only history lies there: what is decided on asks for the session, which does raise

    def _rows(self, token: int) -> Rows:
        return self._runner._series[token].rows  # noqa: SLF001 - as above

    def session(self, token: int, instant: Nanos) -> SessionNow | None:
        hours = self._session_hours(token, instant)
        second = instant // SECOND
        known = self._newest_session
        if known is not None and known[0] == second and known[1] == hours:
            return known[2]
        if hours.closes <= hours.opens or not hours.opens <= second <= hours.closes:
            return None
        since = second - hours.opens
        found = SessionNow(
            bar=-(-since // self.interval_seconds),
            minutes_open=since // 60,
            minutes_left=(hours.closes - second) // 60,
        )
        self._newest_session = second, hours, found
        return found

    def _session_hours(self, token: int, instant: Nanos) -> Hours:
        known = self._hours.get(token)
        if known is None or not known[0] <= instant < known[0] + _DAY:
            known = self._hours[token] = (_day(instant) * _DAY - _IST, self._today(token, instant))
        return known[1]


def _day(instant: Nanos) -> int:
    """Number of the IST day."""
    return (instant + _IST) // _DAY
