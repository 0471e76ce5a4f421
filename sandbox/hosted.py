"""What sets Zerodha's own hosted sandbox apart (kite-facts 1): the `/oms` prefix, `user_id` on the socket, LIMIT only.

The prefixed paths are served always; with `--as-hosted` they are the only ones, and the other two rules hold.
"""

from collections.abc import Mapping

from sandbox.auth import USER_ID
from sandbox.envelope import Request
from sandbox.exchange import Exchange
from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE, parse_rupees
from sandbox.refusal import Refusal, order_refused

PREFIX = "/oms"
BAND_PERCENT = 2
LIMIT_ONLY = "Only LIMIT orders are allowed in the sandbox."


def inner_path(path: str, *, only: bool) -> str | None:
    """The route that a path means, or None. `only`: routes of the API live under the prefix alone."""
    if path.startswith(f"{PREFIX}/"):
        inner = path[len(PREFIX) :]
        return None if _outside(inner) else inner
    return path if not only or _outside(path) else None


def check_socket(fields: Mapping[str, str]) -> bool:
    """Whether a socket says whose it is."""
    return fields.get("user_id") == USER_ID


def check_order(exchange: Exchange, request: Request) -> None:
    """Refuse to place, or to turn an order into, anything but a LIMIT priced within the band around the last price."""
    if not request.path.startswith("/orders/") or request.method not in {"POST", "PUT"}:
        return
    form = request.form()
    placing = request.method == "POST"
    if (form.get("order_type") or "LIMIT") != "LIMIT":
        raise Refusal(LIMIT_ONLY)
    if placing:
        instrument = exchange.universe.by_key.get(f"{form.get('exchange')}:{form.get('tradingsymbol')}")
    else:
        instrument = exchange.engine.find(request.parts[-1]).instrument
    if instrument is not None and form.get("price"):
        _check_band(exchange, instrument, form["price"])


def _check_band(exchange: Exchange, instrument: Instrument, text: str) -> None:
    try:
        price = parse_rupees(text)
    except ValueError:
        return  # refused for its form in a moment
    last = exchange.engine.quote(instrument).last_price
    low, high = last * (100 - BAND_PERCENT) // 100, last * (100 + BAND_PERCENT) // 100
    if price and not low <= price <= high:
        raise order_refused(
            f"Price is outside the band of {low / UNITS_PER_RUPEE:.2f} to {high / UNITS_PER_RUPEE:.2f} "
            f"({BAND_PERCENT} % around the last price)."
        )


def _outside(path: str) -> bool:
    """Paths without the prefix: the dumps, the login page and the sandbox's own doors."""
    parts = path.strip("/").split("/")
    return parts[0] in {"connect", "_sandbox"} or (parts[0] == "instruments" and len(parts) <= 2)
