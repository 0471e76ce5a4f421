"""An EventStrategy: any Python, called with events, answering with drafts of intents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from domain.bars import Bar
from domain.exits.values import ExitLevels
from domain.indicators.declaration import Indicator, coarse_warm_up, warm_up_bars
from domain.market.buckets import DAY_SECONDS, Hours
from domain.messages.market import PriceChanged
from domain.strategy.asks import Ask, OwnGtt
from domain.strategy.chain import Chain
from domain.strategy.holding import Held
from domain.strategy.rule import Row, SessionNow
from domain.values import E4, Instrument, Nanos, OrderKind, Side, Validity, Variety


class Needs(Struct, frozen=True):
    """What a strategy wants to be told.

    bars          closed bars of its instruments
    warm_up_bars  bars of history before the first decision; no `on_bar` before so many have been seen
    prices        every price change (conflated)
    timer         `on_timer`, a few times per wall second
    indicators    the columns of `view.row` beside the bar's own; what they need of warm-up is added by itself
    history_bars  bars of history beyond the warm-up, told to `on_history`: to rebuild what the memory held
    keep_bars     newest bars that `view.bars` offers
    """

    bars: bool = True
    warm_up_bars: int = 0
    prices: bool = False
    timer: bool = False
    indicators: Mapping[str, Indicator] = {}
    history_bars: int = 0
    keep_bars: int = 0

    def decides_after(self, interval_seconds: int) -> int:
        """Bars that must have been seen before the first decision: as asked, and as the indicators need."""
        return max(self.warm_up_bars, warm_up_bars(self.indicators, interval_seconds))

    def loads(self, interval_seconds: int) -> dict[int, int]:
        """Interval in seconds -> bars of history that are to be loaded; empty where no bars are wanted.

        interval_seconds  the strategy's own. Raises ValueError where an indicator asks for one that is not coarser.
        """
        if not self.bars:
            return {}
        coarse = coarse_warm_up(self.indicators, interval_seconds)
        own = self.decides_after(interval_seconds)
        if own or self.history_bars:
            own += self.history_bars
        for seconds in coarse:
            if seconds <= interval_seconds or (seconds < DAY_SECONDS and seconds % interval_seconds):
                raise ValueError(
                    f"an indicator reads bars of {seconds} s, the strategy's own have {interval_seconds} s; "
                    "want a multiple of them"
                )
            # So that the coarse bar that runs at the start is made whole from the strategy's own bars.
            own = max(own, min(seconds // interval_seconds, -(-SESSION_SECONDS // interval_seconds)) + 1)
        return {interval_seconds: own, **coarse}


SESSION_SECONDS: Final = 390 * 60


class OwnOrder(NamedTuple):
    """An order of the strategy that is not over. Quantities in units, signed as what they do to the position.

    tag      empty until the journal has it
    leg      as in the draft
    """

    token: int
    intent_id: str
    tag: str
    leg: str
    quantity: int
    remaining: int


class IntentDraft(Struct, frozen=True):
    """What a strategy wants to order. The runner makes the OrderIntent: id, product, validity.

    event     exchange time of what the decision rests on, ns; with `leg` it makes the intent's id, so that the same
              decision made twice is one
    leg       distinguishes the orders of one decision in one instrument
    quantity  units, positive
    reduce_only  an exit: may only make the position smaller
    levels    an entry's, where exits are managed: where the position that it opens is to be left
    trigger_price  of a stop; of a cover order, of the stop that comes with it
    ttl_minutes, disclosed_quantity, iceberg_legs  with validity TTL, for shares, with variety ICEBERG
    """

    token: int
    side: Side
    quantity: int
    event: Nanos
    reference_price: E4
    leg: str = "entry"
    reduce_only: bool = False
    kind: OrderKind = OrderKind.MARKET
    price: E4 = 0
    trigger_price: E4 = 0
    reason: str = ""
    levels: ExitLevels = ExitLevels()
    validity: Validity = Validity.DAY
    ttl_minutes: int = 0
    variety: Variety = Variety.REGULAR
    disclosed_quantity: int = 0
    iceberg_legs: int = 0


class Fill(Struct, frozen=True):
    """The own position or the orders under way changed in one instrument.

    quantity  signed units held now
    pending   signed units under way now; 0: the order is over
    """

    token: int
    quantity: int
    pending: int
    time: Nanos


class View(Protocol):
    """What a strategy may look at."""

    @property
    def now(self) -> Nanos:
        """Market time."""
        ...

    @property
    def memory(self) -> object:
        """What `remember` made: the strategy's own, gone after a crash."""
        ...

    @property
    def instruments(self) -> Sequence[Instrument]:
        """What it trades, as configured."""
        ...

    @property
    def interval_seconds(self) -> int:
        """Length of its bars."""
        ...

    def instrument(self, token: int) -> Instrument:
        """Facts of one of them."""
        ...

    def quantity(self, token: int) -> int:
        """Signed units held, fills seen included."""
        ...

    def pending(self, token: int) -> int:
        """Signed units of orders under way."""
        ...

    def busy(self, token: int) -> bool:
        """An order is under way, or may be."""
        ...

    def entry(self, token: int) -> float:
        """Average price of the open position in rupees; 0 when flat."""
        ...

    def opened(self, token: int) -> Nanos:
        """When the position was opened; 0 when flat."""
        ...

    def size(self, token: int, price: E4) -> int:
        """Units of one position at that price."""
        ...

    def fresh(self, decided: Nanos) -> bool:
        """A decision that rests on that instant may still be acted on."""
        ...

    def price(self, token: int) -> PriceChanged | None:
        """The newest price."""
        ...

    def row(self, token: int) -> Row | None:
        """The newest closed bar in rupees with the indicators of `needs`; NaN where one is not ready."""
        ...

    def before(self, token: int) -> Row | None:
        """The row before that."""
        ...

    def ready(self, token: int) -> bool:
        """Every value of both rows is there."""
        ...

    def warm(self, token: int) -> bool:
        """So many of its bars have been seen that a live one is decided on."""
        ...

    def newest(self, token: int) -> Bar | None:
        """The newest closed bar."""
        ...

    def bars(self, token: int) -> Sequence[Bar]:
        """The newest bars, oldest first, as many as `needs` keeps."""
        ...

    def bars_since(self, token: int, opened: Nanos) -> int:
        """Bars closed after that instant."""
        ...

    def held_at(self, token: int, instant: Nanos) -> Held:
        """The position as the booked trades had made it by then."""
        ...

    def lots(self, token: int) -> Sequence[tuple[int, E4]]:
        """Open lots by booked trades, first in first out: signed units and price."""
        ...

    def orders(self, token: int) -> Sequence[OwnOrder]:
        """Own orders that are not over."""
        ...

    def gtts(self, token: int) -> Sequence[OwnGtt]:
        """Own GTTs that rest at the broker, or may."""
        ...

    def chain(self, name: str, expiry: dt.date | None = None) -> Chain | None:
        """The option chain of an underlying among the own instruments; None without one."""
        ...

    def hours(self, token: int, instant: Nanos) -> Hours:
        """The instrument's session on that day; an empty one where the calendar knows none."""
        ...

    def session(self, token: int, instant: Nanos) -> SessionNow | None:
        """Where the instant lies in the instrument's session of that day; None outside any."""
        ...


class EventStrategy(Struct, frozen=True, forbid_unknown_fields=True):
    """Subclass with fields as parameters. Handlers answer with what is to be ordered."""

    def needs(self) -> Needs:
        """What it wants to be told."""
        return Needs()

    def remember(self) -> object:
        """A fresh memory, handed back as `view.memory`."""
        return None

    def on_history(self, view: View, bar: Bar) -> None:
        """A bar to learn from and not to decide on: backfilled, incomplete, or too old."""

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft | Ask]:
        """A complete bar has closed."""
        return ()

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft | Ask]:
        """The price moved."""
        return ()

    def levels(self, view: View, token: int) -> Sequence[E4]:
        """Prices at which it would act now. Live, prices come by themselves; a backtest has to know where to look."""
        return ()

    def on_timer(self, view: View) -> Sequence[IntentDraft | Ask]:
        """Time has passed: `view.now`."""
        return ()

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft | Ask]:
        """Own position or orders changed."""
        return ()
