"""How the risk gate flattens: at a class's hour, at a limit, at a person's word, again and again until it is done.

What is missing is computed by domain/risk (`flatten`, `wishes`); every exit made here passes the gate like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from actors.keeping import Flags
from actors.routes import Routes
from actors.runtime import Context
from domain.messages.control import SquareOff
from domain.messages.operator import OperatorAnswered
from domain.messages.orders import CancelOpenOrders, Denied, OrderIntent
from domain.messages.plans import StandAside
from domain.orders.tags import tag_for
from domain.risk import RiskBook, flatten_intents, flatten_strategy_intents, is_flat
from domain.risk.wishes import Wish, Wishes
from domain.values import E4, Instrument, Nanos, Product, SessionClass

FLATTENING_FLAG: Final = "flattening"
LEAVING_FLAG: Final = "leaving"
WISHES_FLAG: Final = "flatten_wishes"
SQUARE_OFF: Final = "square-off of"
ON_MARGIN: Final = (Product.NRML, Product.MTF)
"""Carried, and not paid in full."""


class Means(NamedTuple):
    """What the gate does for this.

    book    its book, whichever it is now
    decide  approve or deny, and tell; the denial, if it is one
    prices  newest prices by token
    now     market time
    until   how long an exit made now may be sent
    alarm   tells a person: (name, text)
    """

    book: Callable[[], RiskBook]
    decide: Callable[[OrderIntent], Denied | None]
    prices: Callable[[], dict[int, E4]]
    now: Callable[[], Nanos]
    until: Callable[[Nanos], Nanos]
    alarm: Callable[[str, str], None]


class Closing:
    """See the module."""

    def __init__(self, context: Context, routes: Routes, flags: Flags, means: Means) -> None:
        self._context = context
        self._routes = routes
        self._flags = flags
        self._means = means
        self._flattening: dict[int, str] = {}
        self._leaving: dict[int, str] = {}
        self._wishes = Wishes()

    def restore(self) -> None:
        """Go on with what this process had begun. A new process does its day's jobs anew."""
        self._flattening = self._flags.read(FLATTENING_FLAG, dict[int, str]) or {}
        self._leaving = self._flags.read(LEAVING_FLAG, dict[int, str]) or {}
        self._wishes = Wishes(self._flags.read(WISHES_FLAG, dict[str, Wish]))

    def open_day(self) -> None:
        """What yesterday's hours squared off may be traded."""
        self._flattening.clear()
        self._leaving.clear()

    def resumed(self) -> None:
        """What a loss flattened may be traded again; what its hour squared off may not."""
        self._flattening = {t: why for t, why in self._flattening.items() if why.startswith(SQUARE_OFF)}
        self._flags.keep(FLATTENING_FLAG, self._flattening)
        self._leaving = {}
        self._flags.keep(LEAVING_FLAG, self._leaving)

    def leave(self, tokens: Iterable[int], why: str) -> None:
        """A limit on results is reached: what is held on margin is left, intraday or carried. Paid shares stay."""
        self.want_flat(tokens, why)
        self._leaving = dict.fromkeys(self._flattening, why)
        self._flags.keep(LEAVING_FLAG, self._leaving)
        self.look()

    def square_off(self, session: SessionClass, instruments: Mapping[int, Instrument]) -> None:
        """A class's hour: its intraday positions are closed, and its strategies told to enter no more."""
        tokens = tuple(token for token, each in instruments.items() if each.session is session)
        why = f"{SQUARE_OFF} {session.value}"
        self.want_flat(tokens, why)
        self._context.log("info", "risk.square_off", session=session.value, instruments=len(tokens))
        self._routes.publish(self._context, SquareOff(tokens=tokens, why=why))
        self.look()

    def want_flat(self, tokens: Iterable[int], why: str) -> None:
        """From here on intraday positions in these are flattened, by a restarted gate as well."""
        for token in tokens:
            self._flattening.setdefault(token, why)
        self._flags.keep(FLATTENING_FLAG, self._flattening)

    def want_strategy_flat(self, request: int, strategy: str, why: str) -> OperatorAnswered:
        """Begin to close what this strategy holds (empty: what all hold)."""
        if is_flat(self._means.book(), strategy):
            return OperatorAnswered(request, done=True, text="nothing is held")
        self.wish(strategy, why)
        tags, denied = self._close(strategy, why)
        if denied:
            text = f"{len(denied)} exits were denied and are tried again for a while; the first: {denied[0].text}"
            return OperatorAnswered(request, done=False, text=text, tags=tags)
        return OperatorAnswered(request, done=True, text=f"closing with {len(tags)} orders", tags=tags)

    def wish(self, strategy: str, why: str) -> None:
        """From here on this strategy is to be flat, once."""
        self._wishes.add(strategy, why)
        self._flags.keep(WISHES_FLAG, self._wishes.kept)

    def look(self) -> None:
        """Make the exits that are still missing, until the lines are flat."""
        if not (self._flattening or self._leaving or self._wishes.kept):
            return
        now, book = self._means.now(), self._means.book()
        book.expire_holds(now)
        self._cancel_entries(book)
        until = self._means.until(now)
        tokens = tuple(self._flattening)
        for intent in flatten_intents(book, tokens, now, until, self._means.prices(), "square-off"):
            self._means.decide(intent)
        carried = tuple(self._leaving)
        for intent in flatten_intents(book, carried, now, until, self._means.prices(), "a limit is reached", ON_MARGIN):
            self._means.decide(intent)
        self._grant_wishes(book)

    def _close(self, strategy: str, why: str) -> tuple[tuple[str, ...], list[Denied]]:
        """Make the exits that are missing: tags of those approved, and the denials."""
        now = self._means.now()
        exits = flatten_strategy_intents(
            self._means.book(), strategy, now, self._means.until(now), self._means.prices(), f"flatten: {why}"
        )
        verdicts = [(tag_for(intent.intent_id), self._means.decide(intent)) for intent in exits]
        return tuple(tag for tag, denial in verdicts if denial is None), [d for _, d in verdicts if d is not None]

    def _grant_wishes(self, book: RiskBook) -> None:
        """Go on closing until it is done: what was refused is asked for again."""
        looked = self._wishes.look(book)
        for strategy, why in looked.open:
            self._close(strategy, why)
        for strategy, why in looked.granted:
            self._context.log("info", "risk.flat", strategy=strategy or "all", why=why)
        for strategy, why in looked.given_up:
            self._means.alarm("risk.not_flat", f"{strategy or 'what all strategies hold'} could not be closed: {why}")
        if looked.granted or looked.given_up:
            self._flags.keep(WISHES_FLAG, self._wishes.kept)

    def _cancel_entries(self, book: RiskBook) -> None:
        """Entries that still rest could fill after the square-off: withdraw them."""
        resting = {
            order.strategy
            for order in book.open_orders()
            if not order.reduce_only
            and (order.token in {*self._flattening, *self._leaving} or self._wishes.covers(order.strategy))
        }
        for strategy in sorted(resting):
            self._routes.publish(self._context, CancelOpenOrders(strategy=strategy, why="square-off"))
        for (strategy, token, product), line in book.lines():
            squared = product is Product.MIS and token in self._flattening
            squared = squared or (product in ON_MARGIN and token in self._leaving)
            if strategy and line.position and (squared or self._wishes.covers(strategy)):
                # What rests to protect it would sell it a second time: no exit is made before that is gone.
                self._routes.publish(self._context, StandAside(strategy=strategy, token=token, why="it is closed"))
