"""How an order becomes a fill: the fill models by name, and the arithmetic of prices.

`next-open`    every order at the next bar's open; stops and targets are looked at when a bar closes. Only opens and
               closes are used, so nothing is assumed of a bar's inside.
`touch`        market orders at the next open; a stop or a target at its own price as soon as the bar touches it, at the
               open where that gapped over it. Optimistic: it assumes that there was size at the level.
`pessimistic`  the same, but a stop costs the worst price of the bar beyond it, and a target must be passed by a tick.

Inside a bar the price is taken to go to the extreme that hurts the position first, then to the other one, then to the
close: a stop and a target in one bar never both win, and the stop is what happened. Beside the model, costs of
execution worsen every fill of a market order: see FillModel. The functions take and give plain numbers, since kernels
compile them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

PARTS: Final = 1_000_000
"""Costs are in parts of this."""


class Inside(IntEnum):
    """What is looked at within a bar."""

    CLOSE = 0
    TOUCH = 1
    PESSIMISTIC = 2


MODELS: Final = {"next-open": Inside.CLOSE, "touch": Inside.TOUCH, "pessimistic": Inside.PESSIMISTIC}


class FillModel(Struct, frozen=True):
    """The model, and what makes its fills worse. Zero switches a part off.

    inside         see the module
    spread_bps     the spread between bid and ask in hundredths of a percent; half of it is paid
    slippage_bps   on top of it
    slippage_ticks on top of that
    participation_percent  most of a bar's volume that an order may take; the rest waits for the next bar. 0: all of it
    latency_ms     milliseconds until an order is at the exchange: drawn for each order from these; () for none. The
                   price is taken to have moved against it, in proportion, towards the bar's extreme
    rejection_percent  share of orders that the broker refuses, drawn for each
    seed           of what is drawn
    """

    inside: Inside = Inside.CLOSE
    spread_bps: Annotated[float, Meta(ge=0, le=1_000)] = 0.0
    slippage_bps: Annotated[float, Meta(ge=0, le=1_000)] = 0.0
    slippage_ticks: Annotated[int, Meta(ge=0, le=1_000)] = 0
    participation_percent: Annotated[float, Meta(ge=0, le=100)] = 0.0
    latency_ms: tuple[int, ...] = ()
    rejection_percent: Annotated[float, Meta(ge=0, le=100)] = 0.0
    seed: int = 1

    @property
    def parts(self) -> int:
        """What a market order pays in parts of PARTS: half the spread and the slippage, to a hundredth of a point."""
        return round((self.spread_bps / 2 + self.slippage_bps) * 100)

    @property
    def takes(self) -> int:
        """Share of a bar's volume in parts of PARTS; 0 for no bound."""
        return round(self.participation_percent * 10_000)

    @property
    def refused(self) -> int:
        """Share of orders refused in parts of PARTS."""
        return round(self.rejection_percent * 10_000)

    @property
    def plain(self) -> bool:
        """Every order is accepted at once and filled whole: what the compiled kernel can do."""
        return not (self.participation_percent or self.latency_ms or self.rejection_percent)


_KEYS: Final = {
    "spread": "spread_bps",
    "slippage": "slippage_bps",
    "ticks": "slippage_ticks",
    "participation": "participation_percent",
    "reject": "rejection_percent",
    "seed": "seed",
}


def parse_fill(text: str) -> FillModel:
    """`touch,spread=2,ticks=1,latency=80/120/400` as a model. Raises ValueError with one line."""
    import msgspec

    head, *rest = [each.strip() for each in text.split(",")]
    if head not in MODELS:
        raise ValueError(f"found {head!r}; allowed: {', '.join(MODELS)}, then such as spread=2")
    found: dict[str, object] = {"inside": MODELS[head]}
    for each in rest:
        key, equals, value = each.partition("=")
        if not equals or (key not in _KEYS and key != "latency"):
            raise ValueError(f"found {each!r}; allowed: {', '.join([*_KEYS, 'latency'])}, each with =NUMBER")
        try:
            if key == "latency":
                found["latency_ms"] = tuple(int(one) for one in value.removesuffix("ms").split("/"))
            else:
                found[_KEYS[key]] = int(value) if key in ("ticks", "seed") else float(value)
        except ValueError:
            raise ValueError(f"found {each!r}; want a number after the =") from None
    try:
        return msgspec.convert(found, FillModel)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def worse_price(sign: int, price: int, parts: int, ticks: int, tick: int) -> int:
    """The price of a market order after its costs, on a tick, against whoever orders (sign +1 buys, -1 sells).

    Without costs the price is left as the data has it.
    """
    if parts == 0 and ticks == 0:
        return price
    moved = -(-price * parts // PARTS) + ticks * tick
    if sign > 0:
        return -(-(price + moved) // tick) * tick
    return max((price - moved) // tick * tick, tick)


def capacity(volume: int, takes: int, lot: int) -> int:
    """Units of a bar that an order may take, whole lots."""
    return volume * takes // PARTS // lot * lot


def moved_price(sign: int, start: int, extreme: int, late_ms: int, bar_ms: int) -> int:
    """The price `late_ms` into a stretch that goes evenly from `start` to its extreme, rounded against the order."""
    distance = max(sign * (extreme - start), 0)
    return start + sign * -(-distance * late_ms // bar_ms)


def draw(seed: int, number: int, salt: int, out_of: int) -> int:
    """A number in [0, out_of) that depends on nothing but these: the same run draws the same."""
    x = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + salt * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    x ^= x >> 30
    x = (x * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x ^= x >> 27
    x = (x * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    x ^= x >> 31
    return x % out_of
