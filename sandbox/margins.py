"""What positions and orders block: full value, a share of it, or for contracts a SPAN-like scan and exposure.

The scan revalues all contracts of one underlying together in sixteen scenarios (seven price moves up to the scan range,
each with volatility up and down, and two extreme moves at 35 % weight) and takes the worst loss, so a hedge lowers it
by itself. Rates are chosen, not an exchange's daily parameters. Amounts are 1/10,000 rupee.
"""

from collections.abc import Callable, Iterable
from datetime import date

import numpy as np
from msgspec import Struct

from sandbox.instruments import Instrument
from sandbox.option_prices import YEAR_SECONDS, Floats, option_value
from sandbox.tape import Market
from sandbox.trading_days import NS, at, close_seconds

MIS_PERCENT = 20
MTF_PERCENT = 30
CALENDAR_PERCENT = 20
"""Of the scan range, for futures of one underlying that offset each other across expiries."""

# price scan range and exposure in per cent of value, volatility range in points, by kind of underlying
_RATES = {
    "index": (10, 2, 0.04),
    "share": (14, 4, 0.10),
    "currency": (3, 1, 0.02),
    "commodity": (9, 2, 0.06),
}
_MOVES = np.array([0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3]) / 3.0
_VOLATILITY_MOVES = np.array([1.0, -1.0] * 7)
_EXTREME_MOVE, _EXTREME_WEIGHT = 2.0, 0.35


class Margin(Struct, frozen=True):
    """Margin of an order or position: `span`, `exposure` and `premium` for contracts, `var` for shares."""

    span: int = 0
    exposure: int = 0
    var: int = 0
    premium: int = 0

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.span + self.exposure + self.var + self.premium

    def plus(self, other: "Margin") -> "Margin":
        """The sum, part by part."""
        return Margin(
            self.span + other.span,
            self.exposure + other.exposure,
            self.var + other.var,
            self.premium + other.premium,
        )


class RiskLeg(Struct, frozen=True):
    """A signed quantity of a contract at a price of 1/10,000 rupee."""

    instrument: Instrument
    quantity: int
    price: int


def net_legs(legs: Iterable[RiskLeg]) -> list[RiskLeg]:
    """One leg for each contract; its price is the last one's."""
    found: dict[int, RiskLeg] = {}
    for leg in legs:
        before = found.get(leg.instrument.token)
        quantity = leg.quantity + (before.quantity if before else 0)
        found[leg.instrument.token] = RiskLeg(leg.instrument, quantity, leg.price)
    return list(found.values())


def _kind(instrument: Instrument) -> str:
    if instrument.path.group != "equity":
        return instrument.path.group
    return "index" if instrument.path.is_index else "share"


def margin_for(instrument: Instrument, product: str, value: int) -> Margin:
    """Margin of a value by flat rates: delivery whole, intraday shares 20 %, futures scan range and exposure."""
    if instrument.is_derivative:
        scan, exposure, _ = _RATES[_kind(instrument)]
        return Margin(span=value * scan // 100, exposure=value * exposure // 100)
    percent = {"MIS": MIS_PERCENT, "CO": MIS_PERCENT, "MTF": MTF_PERCENT}.get(product, 100)
    return Margin(var=value * percent // 100)


class MarginModel:
    """Margins of contracts at the market of the moment."""

    def __init__(self, market: Market, now: Callable[[], int], day: Callable[[], date]) -> None:
        self._market = market
        self._now = now
        self._day = day

    def scan(self, legs: Iterable[RiskLeg]) -> Margin:
        """Span and exposure of contracts held together (their premium is the caller's)."""
        families: dict[str, list[RiskLeg]] = {}
        for leg in net_legs(legs):
            if leg.quantity:
                families.setdefault(leg.instrument.path.name, []).append(leg)
        total = Margin()
        for family in families.values():
            total = total.plus(self._family(family))
        return total

    def order(self, instrument: Instrument, side: int, quantity: int, price: int, product: str) -> Margin:
        """Margin of one order by itself."""
        if not instrument.is_derivative:
            return margin_for(instrument, product, quantity * price)
        value = quantity * price * instrument.multiplier
        if instrument.is_option and side > 0:
            return Margin(premium=value)
        return self.scan([RiskLeg(instrument, side * quantity, price)])

    def _family(self, legs: list[RiskLeg]) -> Margin:
        scan_percent, exposure_percent, volatility = _RATES[_kind(legs[0].instrument)]
        losses = np.zeros(16)
        held = 0.0
        exposure = 0
        spot = 0.0
        by_expiry: dict[date | None, int] = {}
        for leg in legs:
            one = leg.instrument
            units = leg.quantity * one.multiplier
            if not one.is_option:
                value = units * leg.price
                moves = np.append(_MOVES, [_EXTREME_MOVE * _EXTREME_WEIGHT, -_EXTREME_MOVE * _EXTREME_WEIGHT])
                losses -= value * moves * scan_percent / 100
                exposure += abs(value) * exposure_percent // 100
                by_expiry[one.expiry] = by_expiry.get(one.expiry, 0) + value
                continue
            spot = spot or self._market.spot(one, self._now(), self._day())
            moves, worth = self._option_moves(one, spot, scan_percent / 100, volatility)
            losses -= units * moves
            held += units * worth
            if units < 0:
                exposure += round(-units * spot) * exposure_percent // 100
        longs = sum(value for value in by_expiry.values() if value > 0)
        shorts = -sum(value for value in by_expiry.values() if value < 0)
        calendar = min(longs, shorts) * scan_percent * CALENDAR_PERCENT // 10_000
        # What options held are worth covers their own risk; what options sold would cost to buy back adds to it.
        return Margin(span=max(round(float(losses.max()) - held), 0) + calendar, exposure=exposure)

    def _option_moves(self, one: Instrument, spot: float, scan: float, volatility: float) -> tuple[Floats, float]:
        """Change of one unit's value in each of the sixteen scenarios, and its value now."""
        assert one.expiry is not None, "an option expires"
        end = at(one.expiry, close_seconds(one.session, one.expiry))
        years = np.array([max(end - self._now(), 0) / NS / YEAR_SECONDS])
        sigma = self._market.paths.implied(one.path, self._day())

        def value(move: float, shift: float) -> float:
            found = option_value(
                is_call=one.option == "CE",
                spot=np.array([spot * (1.0 + move)]),
                strike=one.strike,
                years=years,
                sigma=sigma,
                carry=one.path.carry,
                shift=shift,
            )
            return float(found[0])

        now = value(0.0, 0.0)
        moves = [value(m * scan, v * volatility) - now for m, v in zip(_MOVES, _VOLATILITY_MOVES, strict=True)]
        extreme = [(value(sign * _EXTREME_MOVE * scan, 0.0) - now) * _EXTREME_WEIGHT for sign in (1.0, -1.0)]
        return np.array(moves + extreme), now
