"""Order margins, basket margins and the virtual contract note: JSON bodies in, unrounded numbers out."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from msgspec import Struct

from sandbox.charges import OrderCharges, order_charges
from sandbox.envelope import Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.instruments import Instrument
from sandbox.margins import Margin, RiskLeg, margin_for
from sandbox.money import UNITS_PER_RUPEE, to_rupees
from sandbox.refusal import Refusal
from sandbox.rules import PRODUCTS

BUY, SELL = 1, -1
_ORDERS_MAX = 200


class Leg(Struct, frozen=True):
    """One order of such a body; price in 1/10,000 rupee, the last price where the body has none."""

    instrument: Instrument
    side: int
    product: str
    quantity: int
    price: int
    day: date
    body: Mapping[str, object]

    @property
    def value(self) -> int:
        """Price x quantity x multiplier."""
        return self.price * self.quantity * self.instrument.multiplier

    @property
    def costs(self) -> OrderCharges:
        """Unrounded charges."""
        one = self.instrument
        return order_charges(one.exchange, self.product, self.side, self.value, one.tradingsymbol, self.day)

    @property
    def tax_type(self) -> str:
        """What the transaction tax is called."""
        return "ctt" if self.instrument.exchange == "MCX" else "stt"


def order_margins(exchange: Exchange, request: Request) -> Reply:
    """POST /margins/orders"""
    legs = _legs(exchange, request, "price")
    compact = request.one("mode") == "compact"
    return success([_margin_row(leg, _margin(exchange, leg), compact=compact) for leg in legs])


def basket_margins(exchange: Exchange, request: Request) -> Reply:
    """POST /margins/basket: `final` nets legs of opposite sides, and open positions when asked."""
    legs = _legs(exchange, request, "price")
    compact = request.one("mode") == "compact"
    consider = request.one("consider_positions").lower() in {"true", "1"}
    rows = [_margin_row(leg, _margin(exchange, leg), compact=compact) for leg in legs]
    initial = _sum([_margin(exchange, leg) for leg in legs])
    final = _together(exchange, legs, consider=consider)
    charges = [leg.costs for leg in legs]
    zero = OrderCharges(*[Fraction(0)] * 6)
    top = _charges_block(zero, "")
    top["brokerage"] = _rupees(sum((one.brokerage for one in charges), Fraction(0)))
    top["sebi_turnover_charge"] = _rupees(sum((one.sebi for one in charges), Fraction(0)))
    return success({"initial": _summary_row(initial), "final": _summary_row(final), "orders": rows, "charges": top})


def contract_note(exchange: Exchange, request: Request) -> Reply:
    """POST /charges/orders"""
    rows = []
    for leg in _legs(exchange, request, "average_price"):
        echo = {
            name: leg.body.get(name)
            for name in ["transaction_type", "tradingsymbol", "exchange", "variety", "product", "order_type"]
        }
        rows.append(
            {
                **echo,
                "quantity": leg.quantity,
                "price": to_rupees(leg.price),
                "charges": _charges_block(leg.costs, leg.tax_type),
            }
        )
    return success(rows)


def _legs(exchange: Exchange, request: Request, price_field: str) -> list[Leg]:
    body = request.json()
    if not isinstance(body, list) or not body or len(body) > _ORDERS_MAX:
        raise Refusal(f"Expected a JSON list of 1 to {_ORDERS_MAX} orders.")
    return [_leg(exchange, one, price_field) for one in body]


def _leg(exchange: Exchange, body: object, price_field: str) -> Leg:
    if not isinstance(body, dict):
        raise Refusal("Expected a JSON list of orders.")
    instrument = exchange.universe.by_key.get(f"{body.get('exchange')}:{body.get('tradingsymbol')}")
    if instrument is None or instrument.is_index:
        raise Refusal("Invalid `tradingsymbol`.")
    side = {"BUY": BUY, "SELL": SELL}.get(str(body.get("transaction_type")))
    product = str(body.get("product"))
    if side is None or product not in PRODUCTS:
        raise Refusal("Invalid `transaction_type` or `product`.")
    quantity = body.get("quantity")
    if not isinstance(quantity, int | float) or not 0 < quantity < 10**9 or quantity % 1:
        raise Refusal("Invalid `quantity`.")
    raw = body.get(price_field) or 0
    if not isinstance(raw, int | float) or not 0 <= raw < 10**8:
        raise Refusal(f"Invalid `{price_field}`.")
    price = round(raw * UNITS_PER_RUPEE)
    if price == 0:
        if price_field == "average_price":
            raise Refusal("Invalid `average_price`. It should be more than 0.")
        price = exchange.engine.quote(instrument).last_price
    return Leg(instrument, side, product, int(quantity), price, exchange.engine.day, body)


def _margin(exchange: Exchange, leg: Leg) -> Margin:
    return exchange.margins.order(leg.instrument, leg.side, leg.quantity, leg.price, leg.product)


def _together(exchange: Exchange, legs: list[Leg], *, consider: bool) -> Margin:
    """Margin of what the legs leave open together: hedges benefit, sold premium counts against bought; with open
    positions considered, what is needed beyond what they block.
    """
    contracts = [
        RiskLeg(leg.instrument, leg.side * leg.quantity, leg.price) for leg in legs if leg.instrument.is_derivative
    ]
    premium = sum(leg.side * leg.value for leg in legs if leg.instrument.is_option)
    held = exchange.portfolio.risk_legs() if consider else []
    now, after = exchange.margins.scan(held), exchange.margins.scan(held + contracts)
    total = Margin(span=after.span - now.span, exposure=after.exposure - now.exposure, premium=premium)
    quantities: dict[tuple[str, str, str], int] = {}
    example: dict[tuple[str, str, str], Leg] = {}
    for leg in legs:
        if not leg.instrument.is_derivative:
            key = (leg.instrument.exchange, leg.instrument.tradingsymbol, leg.product)
            quantities[key] = quantities.get(key, 0) + leg.side * leg.quantity
            example[key] = leg
    for key, quantity in quantities.items():
        before = exchange.portfolio.net(key) if consider else 0
        more = max(abs(before + quantity) - abs(before), 0)
        leg = example[key]
        total = total.plus(margin_for(leg.instrument, leg.product, more * leg.price))
    return total


def _sum(margins: list[Margin]) -> Margin:
    total = Margin()
    for one in margins:
        total = total.plus(one)
    return total


def _margin_row(leg: Leg, margin: Margin, *, compact: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "commodity" if leg.instrument.exchange == "MCX" else "equity",
        "tradingsymbol": leg.instrument.tradingsymbol,
        "exchange": leg.instrument.exchange,
    }
    if compact:
        return {**row, "total": to_rupees(margin.total)}
    leverage = leg.value / margin.total if margin.total else 1
    return {
        **row,
        **_parts(margin),
        "leverage": leverage,
        "charges": _charges_block(leg.costs, leg.tax_type),
        "total": to_rupees(margin.total),
    }


def _summary_row(margin: Margin) -> dict[str, object]:
    zero = OrderCharges(*[Fraction(0)] * 6)
    return {
        "type": "",
        "tradingsymbol": "",
        "exchange": "",
        **_parts(margin),
        "leverage": 0,
        "charges": _charges_block(zero, ""),
        "total": to_rupees(margin.total),
    }


def _parts(margin: Margin) -> dict[str, object]:
    return {
        "span": to_rupees(margin.span),
        "exposure": to_rupees(margin.exposure),
        "option_premium": to_rupees(margin.premium),
        "additional": 0,
        "bo": 0,
        "cash": 0,
        "var": to_rupees(margin.var),
        "pnl": {"realised": 0, "unrealised": 0},
    }


def _charges_block(costs: OrderCharges, tax_type: str = "stt") -> dict[str, object]:
    gst = _rupees(costs.gst)
    return {
        "transaction_tax": _rupees(costs.tax),
        "transaction_tax_type": tax_type,
        "exchange_turnover_charge": _rupees(costs.exchange),
        "sebi_turnover_charge": _rupees(costs.sebi),
        "brokerage": _rupees(costs.brokerage),
        "stamp_duty": _rupees(costs.stamp),
        "gst": {"igst": gst, "cgst": 0, "sgst": 0, "total": gst},
        "total": _rupees(costs.total),
    }


def _rupees(units: Fraction) -> float:
    return float(units / UNITS_PER_RUPEE)
