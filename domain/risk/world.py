"""What the gate has been told of the world, and the facts of one decision made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from domain.errors import CalendarUnknown
from domain.messages.control import PortfolioSnapshot
from domain.messages.market import PriceChanged
from domain.messages.orders import AccountRead, OrderIntent
from domain.ports import Calendar
from domain.risk.book import RiskBook
from domain.risk.facts import MarketFacts, StrategyStands, funds
from domain.risk.loss import Results, results, stands
from domain.risk.questions import is_near
from domain.risk.state import Effective
from domain.values import E4, IST, Instrument, Nanos, Product, SessionClass, Side, ist_date, nanos

Hours = tuple[tuple[Nanos, Nanos] | None, Nanos | None]
"""(continuous trading, MIS cut-off) of a class on a day."""


class World:
    """Prices, funds, hours, the feed's health, and what the broker states of holdings, circuits and margins.

    instruments  the day's traded instruments by token
    mis_cutoff   per session class, the time of day from which no new intraday position is opened
    market_protection  what market orders are sent with: percent in 1/100, -1 for the broker's own band; may change

    feed_lost    since when a socket of the feed is down, by its name
    snapshot     the portfolio's newest
    """

    def __init__(
        self,
        instruments: Mapping[int, Instrument],
        calendar: Calendar,
        mis_cutoff: Mapping[SessionClass, dt.time],
        market_protection: int = -1,
    ) -> None:
        self.snapshot: PortfolioSnapshot | None = None
        self.feed_lost: dict[str, Nanos] = {}
        self._instruments = instruments
        self._calendar = calendar
        self._mis_cutoff = mis_cutoff
        self.market_protection = market_protection
        self._prices: dict[int, PriceChanged] = {}
        self._hours: dict[tuple[SessionClass, dt.date], Hours] = {}
        self._left: dict[tuple[SessionClass, dt.date, dt.date], int | None] = {}
        self._holdings: dict[str, tuple[int, int]] | None = None
        self._circuits: dict[str, tuple[E4, E4]] = {}
        self._margins: dict[tuple[str, Product, Side], tuple[E4, int]] = {}
        self.unknown_calendar = ""

    # What it is told

    def prices(self, prices: Mapping[int, PriceChanged]) -> None:
        """The newest prices."""
        self._prices.update(prices)

    def account(self, read: AccountRead) -> None:
        """What the broker holds for us, and how much of it is used already; nothing where it could not be read."""
        if read.holdings is not None:
            self._holdings = {
                f"{row.exchange}:{row.symbol}": (row.quantity + row.t1_quantity, row.used_quantity)
                for row in read.holdings
            }

    def open_day(self) -> None:
        """Yesterday's holdings and limits say nothing of today; what is not known is left to the broker."""
        self._holdings = None
        self._circuits.clear()
        self._margins.clear()

    def circuits(self, found: Mapping[str, tuple[E4, E4]]) -> None:
        """The exchange's lowest and highest price of the day, by `EXCHANGE:SYMBOL`."""
        self._circuits.update(found)

    def margin(self, instrument: str, product: Product, side: Side, quantity: int, margin: E4) -> None:
        """What the broker asks for such an order by itself."""
        if quantity > 0 and margin >= 0:
            self._margins[instrument, product, side] = margin, quantity

    # What it answers

    def last_prices(self) -> dict[int, E4]:
        """Newest prices by token."""
        return {token: price.last_price for token, price in self._prices.items()}

    @property
    def day_limits(self) -> Mapping[str, tuple[E4, E4]]:
        """The exchange's lowest and highest price of the day, as far as they are known."""
        return dict(self._circuits)

    def last_price(self, token: int) -> E4:
        """The newest price; 0 where none was seen."""
        price = self._prices.get(token)
        return 0 if price is None else price.last_price

    def best(self, token: int) -> tuple[E4, E4]:
        """The newest best bid and ask; 0 where none was seen."""
        price = self._prices.get(token)
        return (0, 0) if price is None else (price.bid, price.ask)

    def near_limits(self) -> list[str]:
        """Instruments whose price is near the exchange's lowest or highest of the day, as far as these are known."""
        found = []
        for token, price in self._prices.items():
            instrument = self._instruments.get(token)
            limits = None if instrument is None else self._circuits.get(instrument.key)
            if instrument is not None and limits is not None and is_near(price.last_price, limits):
                found.append(instrument.key)
        return found

    def feed_down_since(self) -> Nanos:
        """The earliest loss that lasts; 0 where every socket is up."""
        return min(self.feed_lost.values(), default=0)

    def facts(
        self,
        token: int,
        now: Nanos,
        state: Effective,
        latched: str,
        book: RiskBook,
        intent: OrderIntent | None = None,
    ) -> MarketFacts:
        """The facts of one decision about an instrument; without an intent, nothing of a strategy or of its order."""
        instrument = self._instruments.get(token)
        price = self._prices.get(token)
        hours, cutoff = (None, None) if instrument is None else self.hours(instrument.session, now)
        snapshot = self.snapshot
        stand = Results() if snapshot is None else results(book, snapshot)
        return MarketFacts(
            now=now,
            state=state.state,
            latched=latched,
            instrument=instrument,
            price=0 if price is None else price.last_price,
            price_received=0 if price is None else price.received_time,
            hours=hours,
            mis_cutoff=cutoff,
            feed_lost=self.feed_down_since(),
            circuit=None if instrument is None else self._circuits.get(instrument.key),
            market_protection=self.market_protection,
            sessions_to_expiry=None if instrument is None else self.sessions_to_expiry(instrument, now),
            sellable=None if intent is None else self._sellable(intent, book),
            broker_margin=None
            if intent is None
            else self.stated(intent.instrument, intent.product, intent.side, intent.quantity),
            stated=self.stated,
            available_cash=0 if snapshot is None else funds(snapshot),
            day_pnl=stand.day,
            day_peak=stand.peak,
            drawdown=stand.drawdown,
            strategy=StrategyStands()
            if snapshot is None or intent is None
            else stands(book, snapshot, intent.strategy),
        )

    def hours(self, session: SessionClass, now: Nanos) -> Hours:
        """Continuous trading and MIS cut-off of the day; no hours for a day without a table (`unknown_calendar`)."""
        day = ist_date(now)
        key = (session, day)
        if key not in self._hours:
            try:
                hours = self._calendar.hours(day, session)
            except CalendarUnknown as error:
                self.unknown_calendar = str(error)
                hours = None
            cutoff = self._mis_cutoff.get(session)
            at = None if cutoff is None else nanos(dt.datetime.combine(day, cutoff, IST))
            self._hours[key] = (hours, at)
        return self._hours[key]

    def sessions_to_expiry(self, instrument: Instrument, now: Nanos) -> int | None:
        """Trading days from today to the contract's last; None where it has none, or a day's table is missing."""
        expiry = instrument.expiry
        if expiry is None:
            return None
        day = ist_date(now)
        key = (instrument.session, day, expiry)
        if key not in self._left:
            days = (day + dt.timedelta(days=number) for number in range(1, (expiry - day).days + 1))
            try:
                left: int | None = sum(self._calendar.is_trading_day(each, instrument.session) for each in days)
            except CalendarUnknown:
                left = None
            self._left[key] = left
        return self._left[key]

    def _sellable(self, intent: OrderIntent, book: RiskBook) -> int | None:
        """Holdings and what was bought today, less the sales: by the broker's figure or our own, the higher."""
        if self._holdings is None:
            return None
        held, used = self._holdings.get(intent.instrument, (0, 0))
        bought, sold = book.delivered_today(intent.token)
        return held + bought - max(used, sold)

    def stated(self, instrument: str, product: Product, side: Side, units: int) -> E4 | None:
        """What the broker asks, in proportion to the quantity that it was asked about, rounded up."""
        known = self._margins.get((instrument, product, side))
        return None if known is None else -(-known[0] * units // known[1])
