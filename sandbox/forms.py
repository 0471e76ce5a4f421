"""Orders as forms: what a request must say to be an order at all (A.7 "params")."""

import math
from collections.abc import Mapping

from msgspec import Struct

from sandbox.instruments import Instrument, Universe
from sandbox.money import parse_rupees
from sandbox.refusal import Refusal

BUY, SELL = 1, -1
PRODUCTS = {"CNC": "cash", "MIS": "both", "NRML": "derivative", "MTF": "cash"}
TAG_LENGTH_MAX = 20
VARIETIES = frozenset({"regular", "amo", "co", "iceberg", "auction"})
ICEBERG_LEGS_MAX = 50


class PlaceRequest(Struct, frozen=True):
    """A well-formed order; prices in 1/10,000 rupee, 0 where the type has none."""

    instrument: Instrument
    side: int
    quantity: int
    product: str
    order_type: str
    validity: str
    validity_ttl: int
    price: int
    trigger_price: int
    disclosed_quantity: int
    market_protection: float
    tag: str | None
    variety: str = "regular"
    iceberg_legs: int = 0
    iceberg_quantity: int = 0
    auction_number: str | None = None


class ModifyRequest(Struct, frozen=True):
    """The fields a modification changes; None where it keeps what is."""

    order_type: str | None
    quantity: int | None
    price: int | None
    trigger_price: int | None
    disclosed_quantity: int | None
    validity: str | None
    market_protection: float | None


def parse_place(variety: str, form: Mapping[str, str], universe: Universe) -> PlaceRequest:
    """A request from the form of POST /orders/{variety}."""
    if variety not in VARIETIES:
        raise Refusal("Invalid `variety`.")
    exchange = _one_of(form, "exchange", {"NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX"})
    symbol = _required(form, "tradingsymbol")
    side = BUY if _one_of(form, "transaction_type", {"BUY", "SELL"}) == "BUY" else SELL
    quantity = _integer(form, "quantity", low=1)
    product = _one_of(form, "product", set(PRODUCTS))
    order_type = _one_of(form, "order_type", {"MARKET", "LIMIT", "SL", "SL-M"})
    validity = _one_of(form, "validity", {"DAY", "IOC", "TTL"}, default="DAY")
    ttl = _integer(form, "validity_ttl", low=1, high=600, default=0 if validity != "TTL" else None)
    tag = form.get("tag") or None
    if tag is not None and len(tag) > TAG_LENGTH_MAX:
        raise Refusal(f"Invalid `tag`. It should be no longer than {TAG_LENGTH_MAX} characters.")
    price = _price(form, "price") if order_type in {"LIMIT", "SL"} else 0
    trigger = _price(form, "trigger_price") if order_type in {"SL", "SL-M"} or variety == "co" else 0
    instrument = universe.by_key.get(f"{exchange}:{symbol}")
    if instrument is None or instrument.is_index:
        raise Refusal("The instrument you are placing an order for has either expired or does not exist.")
    kind = PRODUCTS[product]
    if kind != "both" and (kind == "derivative") != instrument.is_derivative:
        raise Refusal(f"Invalid `product`: {product} is not available for {instrument.key}.")
    if validity == "IOC" and order_type.startswith("SL"):
        raise Refusal("Stoploss orders cannot be placed with IOC validity.")
    legs, leg_quantity = _check_variety(variety, form, order_type, product, validity, quantity)
    return PlaceRequest(
        instrument=instrument,
        side=side,
        quantity=quantity,
        product=product,
        order_type=order_type,
        validity=validity,
        validity_ttl=ttl,
        price=price,
        trigger_price=trigger,
        disclosed_quantity=_integer(form, "disclosed_quantity", low=0, high=quantity, default=0),
        market_protection=_protection(form) or 0.0,
        tag=tag,
        variety=variety,
        iceberg_legs=legs,
        iceberg_quantity=leg_quantity,
        auction_number=_required(form, "auction_number") if variety == "auction" else None,
    )


def _check_variety(
    variety: str, form: Mapping[str, str], order_type: str, product: str, validity: str, quantity: int
) -> tuple[int, int]:
    """What a variety asks of the form; (legs, leg quantity) of an iceberg."""
    if variety == "co" and (order_type not in {"MARKET", "LIMIT"} or product != "MIS" or validity != "DAY"):
        raise Refusal("Cover orders are MARKET or LIMIT with product MIS and validity DAY.")
    if variety == "amo" and validity == "TTL":
        raise Refusal("After market orders cannot be placed with TTL validity.")
    if variety == "auction" and (order_type != "LIMIT" or product != "CNC" or form.get("transaction_type") != "SELL"):
        raise Refusal("Auction orders are LIMIT sell orders with product CNC.")
    if variety != "iceberg":
        return 0, 0
    legs = _integer(form, "iceberg_legs", low=2, high=ICEBERG_LEGS_MAX)
    size = _integer(form, "iceberg_quantity", low=1)
    if not (legs - 1) * size < quantity <= legs * size:
        raise Refusal("Invalid `iceberg_quantity`. It should be the quantity divided by the legs.")
    return legs, size


def parse_modify(form: Mapping[str, str]) -> ModifyRequest:
    """A request from the form of PUT /orders/{variety}/{order_id}; fields absent or empty stay as they are."""
    given = {name: value for name, value in form.items() if value != ""}
    return ModifyRequest(
        order_type=_one_of(given, "order_type", {"MARKET", "LIMIT", "SL", "SL-M"}) if "order_type" in given else None,
        quantity=_integer(given, "quantity", low=1) if "quantity" in given else None,
        price=_optional_price(given, "price"),
        trigger_price=_optional_price(given, "trigger_price"),
        disclosed_quantity=_integer(given, "disclosed_quantity", low=0) if "disclosed_quantity" in given else None,
        validity=_one_of(given, "validity", {"DAY", "IOC", "TTL"}) if "validity" in given else None,
        market_protection=_protection(given),
    )


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise Refusal(f"Missing or empty field `{name}`")
    return value


def _one_of(form: Mapping[str, str], name: str, allowed: set[str], default: str | None = None) -> str:
    if default is not None and not form.get(name):
        return default
    value = _required(form, name)
    if value not in allowed:
        raise Refusal(f"Invalid `{name}`.")
    return value


def _integer(form: Mapping[str, str], name: str, *, low: int, high: int = 10**9, default: int | None = None) -> int:
    if default is not None and not form.get(name):
        return default
    text = _required(form, name)
    if len(text) > 12:
        raise Refusal(f"Invalid `{name}`.")
    try:
        value = int(text)
    except ValueError:
        raise Refusal(f"Invalid `{name}`.") from None
    if not low <= value <= high:
        raise Refusal(f"Invalid `{name}`.")
    return value


def _price(form: Mapping[str, str], name: str) -> int:
    try:
        value = parse_rupees(_required(form, name))
    except ValueError:
        raise Refusal(f"Invalid `{name}`.") from None
    if value <= 0:
        raise Refusal(f"Invalid `{name}`.")
    return value


def _optional_price(form: Mapping[str, str], name: str) -> int | None:
    if name not in form or form[name] in {"0", "0.0"}:
        return None
    return _price(form, name)


def _protection(form: Mapping[str, str]) -> float | None:
    text = form.get("market_protection", "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise Refusal("Invalid `market_protection`.") from None
    if not (value == -1 or 0 <= value <= 100) or math.isnan(value):
        raise Refusal("Invalid `market_protection`.")
    return value
