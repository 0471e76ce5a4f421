"""The broker's checks before an order is accepted: the mini-RMS.

Each check raises a `Refusal` with Kite's text. A rule that can be relaxed carries its name from `RELAXABLE`.
"""

from datetime import date

from msgspec import Struct

from sandbox.forms import PRODUCTS, VARIETIES, ModifyRequest, PlaceRequest, parse_modify, parse_place
from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE
from sandbox.phases import Phase, amo_window, phase_of
from sandbox.refusal import Refusal, order_refused
from sandbox.trading_days import day_of, seconds_of, square_off_seconds

__all__ = [
    "PRODUCTS",
    "RELAXABLE",
    "VARIETIES",
    "ModifyRequest",
    "PlaceRequest",
    "Quote",
    "check_place",
    "parse_modify",
    "parse_place",
]

BUY, SELL = 1, -1

RELAXABLE = (
    "rate-limits",
    "order-caps",
    "modification-cap",
    "market-protection",
    "trigger-side",
    "tick-size",
    "lot-size",
    "freeze",
    "circuit",
    "session",
    "mis-cutoff",
    "margin",
    "holdings",
    "amo-window",
    "mis-blocked",
    "far-month",
    "gtt-cap",
)
"""Rules that `--relax` switches off one by one."""

MIS_LIQUIDITY_MIN = 0.1
COVER_RANGE_PERCENT = 3

NO_PROTECTION = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
CLOSED = "Markets are closed right now. Use GTT for placing long standing orders instead."


class Quote(Struct, frozen=True):
    """What the checks need to know of the market: 1/10,000 rupee."""

    last_price: int
    lower_circuit: int
    upper_circuit: int


def circuit_limits(instrument: Instrument, previous_close: int) -> tuple[int, int]:
    """(lower, upper) limits of the day, rounded inwards to the tick; an option's reach far, as at the exchange."""
    if instrument.is_option:
        tick = instrument.tick
        return tick, (previous_close + max(previous_close, instrument.strike // 5)) // tick * tick
    band = previous_close * instrument.circuit_percent // 100
    tick = instrument.tick
    return -(-(previous_close - band) // tick) * tick, (previous_close + band) // tick * tick


def auto_protection(instrument: Instrument, last_price: int) -> float:
    """Percent of the automatic market protection (kite-facts 3.3)."""
    if instrument.is_option:
        for below_rupees, percent in ((10, 5.0), (100, 3.0), (500, 2.0)):
            if last_price < below_rupees * UNITS_PER_RUPEE:
                return percent
        return 1.0
    if last_price < 100 * UNITS_PER_RUPEE:
        return 2.0
    return 1.0 if last_price <= 500 * UNITS_PER_RUPEE else 0.5


def protected_limit(instrument: Instrument, side: int, reference: int, percent: float, quote: Quote) -> int:
    """The limit at which a protected market order goes to the exchange, on the tick and inside the circuit."""
    distance = int(reference * percent / 100)
    tick = instrument.tick
    if side == BUY:
        return min(max((reference + distance) // tick * tick, tick), quote.upper_circuit)
    return max(-(-(reference - distance) // tick) * tick, quote.lower_circuit, tick)


def check_place(
    request: PlaceRequest,
    quote: Quote,
    now_ns: int,
    relaxed: frozenset[str],
    *,
    protect: bool,
    band: Quote | None = None,
) -> None:
    """The mini-RMS: what Zerodha refuses before an order gets an id.

    protect  market protection is required
    band     prices that a closing auction allows
    """
    instrument = request.instrument
    if request.order_type in {"MARKET", "SL-M"} and protect and request.market_protection == 0:
        raise Refusal(NO_PROTECTION)
    check_quantity(instrument, request.iceberg_quantity or request.quantity, relaxed)
    if request.iceberg_quantity:
        check_quantity(instrument, request.quantity - (request.iceberg_legs - 1) * request.iceberg_quantity, relaxed)
    _check_segment(request)
    stop = request.trigger_price if request.order_type.startswith("SL") else 0
    check_prices(instrument, request.side, request.order_type, request.price, stop, quote, relaxed)
    if request.variety == "co":
        _check_cover(request, quote, relaxed)
    day, second = day_of(now_ns), seconds_of(now_ns)
    if request.variety == "amo":
        if "amo-window" not in relaxed and not amo_window(instrument, day, second):
            raise order_refused(
                "After market orders (AMO) cannot be placed now. Use regular orders during market hours."
            )
        return
    if "session" not in relaxed:
        _check_phase(request, phase_of(instrument, day, second), band)
    if request.product == "MIS":
        _check_intraday(instrument, day, second, relaxed)


def _check_segment(request: PlaceRequest) -> None:
    """What a segment does not take."""
    instrument = request.instrument
    if request.order_type == "SL-M" and instrument.exchange == "BSE":
        raise order_refused("SL-M orders are not allowed on BSE. Use SL orders with a limit price.")
    if request.order_type == "SL-M" and instrument.is_option and instrument.path.group == "equity":
        raise order_refused("SL-M orders are not allowed for options. Use SL orders with a limit price.")
    stock_option = instrument.is_option and instrument.path.group == "equity" and not instrument.path.is_index
    if request.order_type == "MARKET" and stock_option:
        raise order_refused("Market orders are not allowed for stock options. Use limit orders.")
    if request.disclosed_quantity and instrument.is_derivative:
        raise Refusal("Invalid `disclosed_quantity`. It is not available for derivatives.")
    if request.variety == "co" and instrument.session not in {"cash", "auction", "derivative"}:
        raise order_refused("Cover orders are not available for this segment.")


def _check_cover(request: PlaceRequest, quote: Quote, relaxed: frozenset[str]) -> None:
    """The stop of a cover order lies on the losing side, inside the trigger range."""
    trigger = request.trigger_price
    if "tick-size" not in relaxed and trigger % request.instrument.tick:
        raise order_refused(_tick_text(request.instrument))
    if "trigger-side" in relaxed:
        return
    lower, upper = cover_range(request.instrument, request.side, quote.last_price)
    if not lower <= trigger <= upper:
        raise order_refused(
            f"Trigger price for cover order should be between {lower / UNITS_PER_RUPEE:g} and "
            f"{upper / UNITS_PER_RUPEE:g}."
        )


def cover_range(instrument: Instrument, side: int, last_price: int) -> tuple[int, int]:
    """(lower, upper) trigger of a cover order whose first leg has this side."""
    tick = instrument.tick
    reach = last_price * COVER_RANGE_PERCENT // 100 // tick * tick
    last = last_price // tick * tick
    return (max(last - reach, tick), last - tick) if side == BUY else (last + tick, last + reach)


def _check_phase(request: PlaceRequest, phase: Phase, band: Quote | None) -> None:
    """What the market takes at the moment."""
    if phase == "continuous":
        return
    if phase == "closed" or request.variety not in {"regular", "amo"}:
        raise order_refused(CLOSED)
    if request.order_type.startswith("SL") or request.validity != "DAY" or request.disclosed_quantity:
        raise order_refused("Only limit and market orders valid for the day are allowed in this session.")
    if request.order_type == "MARKET" and phase.endswith("limit"):
        raise order_refused("Market orders are not allowed in this part of the session. Use limit orders.")
    if band is not None and request.price and not band.lower_circuit <= request.price <= band.upper_circuit:
        raise order_refused(
            f"Your order price is outside the closing auction's band of {band.lower_circuit / UNITS_PER_RUPEE:g} to "
            f"{band.upper_circuit / UNITS_PER_RUPEE:g}."
        )


def _check_intraday(instrument: Instrument, day: date, second: int, relaxed: frozenset[str]) -> None:
    if "mis-cutoff" not in relaxed and second >= square_off_seconds(instrument.session, day):
        raise order_refused("MIS orders are not allowed now: the intraday square-off time has passed.")
    if "mis-blocked" not in relaxed and not instrument.is_derivative and instrument.liquidity < MIS_LIQUIDITY_MIN:
        raise order_refused("MIS orders are blocked for this stock. Use product CNC.")


def check_quantity(instrument: Instrument, quantity: int, relaxed: frozenset[str]) -> None:
    """Lot and freeze."""
    if "lot-size" not in relaxed and quantity % instrument.lot:
        raise Refusal(f"Invalid `quantity`. It should be a multiple of the lot size {instrument.lot}.")
    if "freeze" not in relaxed and quantity > instrument.freeze:
        raise order_refused(
            f"The quantity {quantity} is above the freeze quantity {instrument.freeze} of {instrument.tradingsymbol}. "
            "Place smaller orders."
        )


def check_prices(
    instrument: Instrument,
    side: int,
    order_type: str,
    price: int,
    trigger: int,
    quote: Quote,
    relaxed: frozenset[str],
) -> None:
    """Tick, circuit and the side of the trigger."""
    for value in (price, trigger):
        if "tick-size" not in relaxed and value % instrument.tick:
            raise order_refused(_tick_text(instrument))
        if value and "circuit" not in relaxed:
            _check_circuit(value, quote)
    if order_type in {"SL", "SL-M"} and "trigger-side" not in relaxed:
        if side * (trigger - quote.last_price) <= 0:
            name, where = ("buy", "higher") if side == BUY else ("sell", "lower")
            raise order_refused(
                f"Trigger price for stoploss {name} orders should be {where} than the last traded price."
            )
        if order_type == "SL" and side * (price - trigger) < 0:
            name, where = ("buy", "higher") if side == BUY else ("sell", "lower")
            raise order_refused(f"Trigger price for stoploss {name} orders cannot be {where} than the limit price.")


def _tick_text(instrument: Instrument) -> str:
    tick = instrument.tick / UNITS_PER_RUPEE
    text = f"{tick:.2f}" if instrument.tick % 100 == 0 else f"{tick:.4f}"
    return f"Tick size for this script is {text}. Kindly enter price in the multiple of tick size for this script"


def _check_circuit(value: int, quote: Quote) -> None:
    for bad, word, limit in (
        (value < quote.lower_circuit, "lower", quote.lower_circuit),
        (value > quote.upper_circuit, "upper", quote.upper_circuit),
    ):
        if bad:
            than = "lower" if word == "lower" else "higher"
            raise order_refused(
                f"Your order price is {than} than the current {word} circuit limit of {limit / UNITS_PER_RUPEE:g}. "
                "Place an order within the daily range."
            )
