"""Orders and books at Kite, for one worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from adapters.kite import figures, translate
from adapters.kite.gtt import gtt as of_row
from adapters.kite.gtt import gtt_form
from adapters.kite.http import Http, NotReached, Reply, ReplyLost
from adapters.kite.outcome import Verdict, classify
from adapters.kite.pacing import Endpoint, Pacer, Priority
from adapters.kite.reading import Reader
from adapters.kite.rows import (
    FundsData,
    GttRow,
    HoldingRow,
    OrderRow,
    PlacedData,
    PositionsData,
    TradeRow,
    TriggerData,
)
from domain.messages.broker import (
    Accepted,
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Change,
    DayLimits,
    ExecutedOrder,
    Funds,
    ModifyOutcome,
    NotSent,
    OrderCosts,
    PlaceOrder,
    PostOutcome,
    Rejected,
    Unresolved,
)
from domain.messages.gtt import BrokerGtt, Gtt
from domain.ports import Clock
from domain.values import E4, SECOND, Nanos, Variety

T = TypeVar("T")

PERMIT_LIVES: Final[Nanos] = SECOND // 4
"""A start taken by `pace` and not used within this time is stale: used later, it could crowd another second."""


def lax_decoder(wanted: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder that reads `"17"` and `1.0` as integers too: the documentation types some numbers as strings."""
    return msgspec.json.Decoder(wanted, strict=False)


_orders: Final = lax_decoder(list[OrderRow])
_trades: Final = lax_decoder(list[TradeRow])
_positions: Final = lax_decoder(PositionsData)
_holdings: Final = lax_decoder(list[HoldingRow])
_funds: Final = lax_decoder(FundsData)
_placed: Final = lax_decoder(PlacedData)
_trigger: Final = lax_decoder(TriggerData)
_triggers: Final = lax_decoder(list[GttRow])


def _order_id(data: bytes) -> str:
    return _placed.decode(data).order_id


def _trigger_id(data: bytes) -> str:
    return str(_trigger.decode(data).trigger_id)


def _route(variety: Variety, order_id: str) -> str:
    return f"/orders/{variety.value}/{quote(order_id, safe='')}"


class KiteBroker:
    """`domain.ports.Broker` over Kite's REST routes. Owns its `Http`: one instance per worker and incarnation."""

    def __init__(
        self,
        http: Http,
        pacer: Pacer,
        market_clock: Clock,
        monotonic: Clock,
        *,
        read_deadline_seconds: float = 10.0,
        unknown_status: Callable[[str], None] = lambda _word: None,
    ) -> None:
        """`read_deadline_seconds` bounds a read with its retries; `unknown_status` hears each unknown word once."""
        self._http = http
        self._pacer = pacer
        self._market_clock = market_clock
        self._monotonic = monotonic
        self._reader = Reader(http, pacer, monotonic, deadline_seconds=read_deadline_seconds)
        self._words = translate.StatusWords(unknown_status)
        self._permit: Nanos | None = None

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """Take this worker's turn for its next place or cancel, before it claims the tag. False: do not claim.

        urgent  an exit or a cancel: goes before entries

        place and cancel take their turn themselves where none was taken, or it is stale.
        """
        deadline = self._monotonic.now_ns() + int(timeout_seconds * SECOND)
        priority = Priority.EXIT if urgent else Priority.ENTRY
        if not self._pacer.acquire(Endpoint.ORDER, priority, deadline):
            return False
        self._permit = self._monotonic.now_ns()
        return True

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One POST, never retried; the outcome is what is proved.

        Accepted     the envelope says success and names an order id
        Rejected     refused by an envelope with a status that proves it (`outcome`), a dead token (403) and the rate
                     limit (429) included: both are checked before the order system sees the order
        NotSent      no token, no turn in time, no connection, or an order that has no form: nothing left
        Unresolved   everything else
        """
        try:
            form = translate.place_form(order)
        except translate.Untranslatable as error:
            return NotSent(str(error))
        return self._send("POST", f"/orders/{order.variety.value}", Priority.ENTRY, form=form, on_sent=on_sent)

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """One PUT, never retried; outcomes as of `place`. Accepted says that the request was taken."""
        try:
            form = translate.modify_form(change)
        except translate.Untranslatable as error:
            return NotSent(str(error))
        if parent_order_id:
            form["parent_order_id"] = parent_order_id
        return self._send("PUT", _route(variety, order_id), Priority.EXIT, form=form, on_sent=on_sent)

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """One DELETE, never retried. Accepted says that the request was taken, not that the order is gone."""
        query = f"?parent_order_id={quote(parent_order_id, safe='')}" if parent_order_id else ""
        return self._send("DELETE", _route(variety, order_id) + query, Priority.EXIT)

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One POST, never retried; outcomes as of `place`. Accepted bears the trigger's id."""
        return self._send_gtt("POST", "/gtt/triggers", gtt, on_sent)

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One PUT, never retried; outcomes as of `place`."""
        return self._send_gtt("PUT", f"/gtt/triggers/{quote(trigger_id, safe='')}", gtt, on_sent)

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """One DELETE, never retried; outcomes as of `place`."""
        route = f"/gtt/triggers/{quote(trigger_id, safe='')}"
        return self._send("DELETE", route, Priority.EXIT, id_of=_trigger_id)

    def gtts(self) -> Sequence[BrokerGtt]:
        """Active GTTs, and what became of others in the last days."""
        return self._reader.get("/gtt/triggers", lambda data: [of_row(row) for row in _triggers.decode(data)])

    def orders(self) -> Sequence[BrokerOrder]:
        """Today's order book."""

        def book(data: bytes) -> list[BrokerOrder]:
            received = self._market_clock.now_ns()
            return [translate.order(row, self._words, received) for row in _orders.decode(data)]

        return self._reader.get("/orders", book)

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """Today's trades, of one order or of all."""
        route = "/trades" if order_id is None else f"/orders/{quote(order_id, safe='')}/trades"
        return self._reader.get(route, lambda data: [translate.trade(row) for row in _trades.decode(data)])

    def positions(self) -> Sequence[BrokerPosition]:
        """Net positions, flat rows included."""
        return self._reader.get(
            "/portfolio/positions", lambda data: [translate.position(row) for row in _positions.decode(data).net]
        )

    def holdings(self) -> Sequence[BrokerHolding]:
        """Delivery holdings."""
        return self._reader.get(
            "/portfolio/holdings", lambda data: [translate.holding(row) for row in _holdings.decode(data)]
        )

    def funds(self) -> Funds:
        """Funds of the equity segment."""
        return self._reader.get("/user/margins/equity", lambda data: translate.funds(_funds.decode(data)))

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """Out of full quotes, at the pace of quotes."""
        if len(instruments) > figures.QUOTES_MAX:
            raise ValueError(f"{len(instruments)} instruments in one batch, {figures.QUOTES_MAX} are allowed")
        query = [("i", name) for name in instruments]
        return self._reader.get("/quote", figures.day_limits, endpoint=Endpoint.QUOTE, query=query) if query else []

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """Of each order by itself."""
        return [found for part in figures.batches(orders) for found in self._margins(part)]

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """The virtual contract note."""
        return [found for part in figures.batches(orders) for found in self._costs(part)]

    def close(self) -> None:
        """Give the HTTP session back."""
        self._http.close()

    def _margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        body = figures.margin_body(orders)
        return self._reader.reckon("/margins/orders", body, lambda data: figures.margins(orders, data))

    def _costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        body = figures.costs_body(orders)
        return self._reader.reckon("/charges/orders", body, lambda data: figures.costs(orders, data))

    def _send_gtt(self, method: str, route: str, gtt: Gtt, on_sent: Callable[[], None] | None) -> PostOutcome:
        try:
            form = gtt_form(gtt)
        except translate.Untranslatable as error:
            return NotSent(str(error))
        return self._send(method, route, Priority.EXIT, form=form, on_sent=on_sent, id_of=_trigger_id)

    def _send(
        self,
        method: str,
        route: str,
        priority: Priority,
        form: dict[str, str] | None = None,
        on_sent: Callable[[], None] | None = None,
        id_of: Callable[[bytes], str] = _order_id,
    ) -> PostOutcome:
        if not self._has_turn(priority):
            return NotSent("no turn within our own rate limits in time")
        try:
            reply = self._http.call(method, route, form=form, on_sent=on_sent)
        except NotReached as error:
            return NotSent(str(error))
        except ReplyLost as error:
            return Unresolved(str(error))
        return self._outcome(reply, id_of)

    def _has_turn(self, priority: Priority) -> bool:
        permit, self._permit = self._permit, None
        if permit is not None and self._monotonic.now_ns() - permit <= PERMIT_LIVES:
            return True
        return self._pacer.acquire(
            Endpoint.ORDER, priority, self._monotonic.now_ns() + int(self._http.deadline_seconds * SECOND)
        )

    def _outcome(self, reply: Reply, id_of: Callable[[bytes], str]) -> PostOutcome:
        outcome = classify(reply, self._http.tokens)
        if outcome.login_needed:
            self._http.tokens.invalidate(reply.generation)
        match outcome.verdict:
            case Verdict.DONE:
                try:
                    found = id_of(outcome.data)
                except msgspec.MsgspecError:
                    return Unresolved(f"HTTP {reply.status}: a success without an order id")
                if not found:
                    return Unresolved(f"HTTP {reply.status}: a success with an empty order id")
                return Accepted(found)
            case Verdict.REFUSED | Verdict.LOGIN | Verdict.SLOW_DOWN:
                return Rejected(reply.status, outcome.text, outcome.person, outcome.verdict is not Verdict.REFUSED)
            case Verdict.UNRESOLVED:
                return Unresolved(outcome.text, outcome.login_needed)
