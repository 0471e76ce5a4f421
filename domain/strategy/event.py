"""An EventStrategy: any Python, called with events, answering with drafts of intents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from domain.bars import Bar
from domain.messages.market import PriceChanged
from domain.strategy.rule import SessionNow
from domain.values import E4, Instrument, Nanos, OrderKind, Side


class Needs(Struct, frozen=True):
    """What a strategy wants to be told.

    bars          closed bars of its instruments
    warm_up_bars  bars of history before the first decision; no `on_bar` before so many have been seen
    prices        every price change (conflated)
    timer         `on_timer`, a few times per wall second
    """

    bars: bool = True
    warm_up_bars: int = 0
    prices: bool = False
    timer: bool = False


class IntentDraft(Struct, frozen=True):
    """What a strategy wants to order. The runner makes the OrderIntent: id, product, validity.

    event     exchange time of what the decision rests on, ns; with `leg` it makes the intent's id, so that the same
              decision made twice is one
    leg       distinguishes the orders of one decision in one instrument
    quantity  units, positive
    reduce_only  an exit: may only make the position smaller
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

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """A complete bar has closed."""
        return ()

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """The price moved."""
        return ()

    def levels(self, view: View, token: int) -> Sequence[E4]:
        """Prices at which it would act now. Live, prices come by themselves; a backtest has to know where to look."""
        return ()

    def on_timer(self, view: View) -> Sequence[IntentDraft]:
        """Time has passed: `view.now`."""
        return ()

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft]:
        """Own position or orders changed."""
        return ()
