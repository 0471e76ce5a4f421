"""Strategies for a process of their own: one that looks at everything, and some that come to grief there."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from domain.bars import Bar
from domain.exits.values import ExitLevels
from domain.messages.broker import Change
from domain.messages.gtt import GttLeg
from domain.messages.market import PriceChanged
from domain.strategy.asks import Ask, CancelDraft, GttDraft, ModifyDraft
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, View
from domain.values import RUPEE, Side


class Busybody(EventStrategy, frozen=True):
    """Orders often, asks for everything that can be asked for, and says in each reason all that it sees."""

    keep: int = 3
    watches: bool = True

    def needs(self) -> Needs:
        """Everything, or no prices."""
        return Needs(bars=True, warm_up_bars=2, prices=self.watches, timer=True, keep_bars=self.keep)

    def remember(self) -> object:
        """How often it was told what."""
        return {"bar": 0, "price": 0, "timer": 0, "fill": 0, "history": 0}

    def on_history(self, view: View, bar: Bar) -> None:
        """Counted."""
        self._count(view, "history")

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft | Ask]:
        """An order, with levels now and then."""
        number = self._count(view, "bar")
        held = view.quantity(bar.token)
        side = Side.SELL if held > 0 else Side.BUY
        units = abs(held) or view.size(bar.token, bar.close)
        levels = ExitLevels() if held or number % 2 else ExitLevels(stop=bar.close - 5_000, trail=2_000)
        return [
            IntentDraft(
                bar.token, side, units, bar.end, bar.close, reduce_only=held != 0, levels=levels,
                reason=self._seen(view, bar.token),
            )
        ]  # fmt: skip

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft | Ask]:
        """Changes of what rests."""
        number = self._count(view, "price")
        asks: list[Ask] = []
        for order in view.orders(price.token):
            if order.tag and number % 3 == 0:
                change = Change(price=price.last_price)
                asks.append(ModifyDraft(price.token, order.tag, change, view.now, price.last_price))
            elif order.tag and number % 3 == 1:
                asks.append(CancelDraft(price.token, order.tag, self._seen(view, price.token)))
        return asks

    def on_timer(self, view: View) -> Sequence[IntentDraft | Ask]:
        """Protection at the broker."""
        number = self._count(view, "timer")
        drafts: list[Ask] = []
        for each in view.instruments:
            price = view.price(each.token)
            if price is not None and number % 4 == 0 and view.quantity(each.token) > 0:
                leg = GttLeg(price.last_price - 10_000, Side.SELL, view.quantity(each.token), price.last_price - 11_000)
                drafts.append(GttDraft(each.token, (leg,), view.now, price.last_price, reason=str(number)))
        return drafts

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft | Ask]:
        """Counted."""
        self._count(view, "fill")
        return ()

    def _count(self, view: View, what: str) -> int:
        memory = view.memory
        assert isinstance(memory, dict)
        memory[what] += 1
        return int(memory[what])

    def _seen(self, view: View, token: int) -> str:
        price, session = view.price(token), view.session(token, view.now)
        return repr(
            (
                view.memory, view.now, view.quantity(token), view.pending(token), view.busy(token), view.entry(token),
                view.opened(token), view.lots(token), view.orders(token), view.gtts(token), view.bars(token),
                price, session, view.hours(token, view.now), view.warm(token), view.row(token),
            )
        )  # fmt: skip


class Doomed(EventStrategy, frozen=True):
    """Comes to grief at the first price, in the way that it is told to."""

    way: str = "raise"
    note: str = ""

    def needs(self) -> Needs:
        """Prices."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """The end."""
        if self.note:
            Path(self.note).write_text(str(os.getpid()), encoding="ascii")
        match self.way:
            case "raise":
                raise KeyError("the third key")
            case "own":
                raise Grief("in two\nlines")
            case "exit":
                sys.exit(4)
            case "leave":
                os._exit(3)
            case "crash":
                ctypes.string_at(0)
            case "hang":
                while True:
                    pass
            case "hold":  # the interpreter, for ever: no other thread of the process runs any more
                ctypes.PyDLL(None).sleep(1_000)
        return ()


class Odd(EventStrategy, frozen=True):
    """Answers with what is no order, by the price in rupees: 1 a complex reason, 2 an error without a text, else numpy's."""

    def needs(self) -> Needs:
        """Prices."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """See the class."""
        rupees = price.last_price // RUPEE
        if rupees == 2:
            raise ValueError("no text: \udc80")
        reason: Any = complex(1, 2) if rupees == 1 else "a test"
        units: Any = np.int64(7)
        return [IntentDraft(price.token, Side.BUY, units, view.now, price.last_price, reason=reason)]


class Grief(Exception):
    """Of its own kind."""


class Nosy(EventStrategy, frozen=True):
    """Says what its process is: its environment, its modules, its arguments."""

    def needs(self) -> Needs:
        """Prices."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """One order, with the reason."""
        said = "\n".join([*os.environ, *sys.modules])
        return [IntentDraft(price.token, Side.BUY, 1, view.now, price.last_price, reason=said)]


class Outer:
    """Holds one that cannot be found by its name."""

    class Inside(EventStrategy, frozen=True):
        """Not at a module's outermost level."""
