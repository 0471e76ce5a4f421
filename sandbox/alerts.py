"""Alerts (kite-facts 2.7): conditions on last prices, looked at whenever the market's time moves on.

Not verified, and so chosen: an alert strikes when its condition turns true (at once, if it is true already); a simple
one stays enabled and strikes again the next time; one that places orders (`ato`) is disabled when it has struck.
"""

import operator
import uuid
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from sandbox.instruments import Instrument, Universe
from sandbox.money import UNITS_PER_RUPEE, parse_rupees
from sandbox.refusal import Refusal
from sandbox.trading_days import text_of

ALERTS_MAX = 500
ATTRIBUTE = "LastTradedPrice"
OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
_NAME_MAX = 200
_BASKET_ITEMS_MAX = 20


class BasketItem(Struct):
    """One order of a basket: its instrument, and its parameters under the names of an order's form."""

    exchange: str
    tradingsymbol: str
    params: dict[str, msgspec.Raw]


class Basket(Struct):
    """The orders that an `ato` alert places."""

    items: list[BasketItem]


_decode_basket = msgspec.json.Decoder(Basket).decode


class Condition(Struct, frozen=True):
    """`left operator right`; right is an instrument or a constant of 1/10,000 rupee."""

    left: Instrument
    operator: str
    right: Instrument | int

    def holds(self, price: Callable[[Instrument], int]) -> bool:
        """Whether it is true at these prices."""
        right = self.right if isinstance(self.right, int) else price(self.right)
        return OPERATORS[self.operator](price(self.left), right)

    @property
    def text(self) -> str:
        """As the alert's history shows it."""
        right = f"{self.right / UNITS_PER_RUPEE:g}" if isinstance(self.right, int) else _named(self.right)
        return f"{_named(self.left)} {self.operator} {right}"


class Alert(Struct):
    """One alert; `fields` are its row's, `basket` the JSON that came with it."""

    uuid: str
    condition: Condition
    fields: dict[str, object]
    basket: bytes | None
    created_ns: int
    updated_ns: int
    status: str = "enabled"
    disabled_reason: str = ""
    count: int = 0
    was_true: bool = False
    history: list[dict[str, object]] = []

    @property
    def places_orders(self) -> bool:
        """Whether it is an `ato` alert."""
        return self.fields["type"] == "ato"

    def row(self, user_id: str) -> dict[str, object]:
        """The wire row."""
        row = {
            "type": self.fields["type"],
            "user_id": user_id,
            "uuid": self.uuid,
            "name": self.fields["name"],
            "status": self.status,
            "disabled_reason": self.disabled_reason,
            **{name: self.fields[name] for name in _SIDES},
            "alert_count": self.count,
            "created_at": text_of(self.created_ns),
            "updated_at": text_of(self.updated_ns),
        }
        if self.basket is not None:
            row["basket"] = msgspec.Raw(self.basket)
        return row


_SIDES = (
    "lhs_attribute",
    "lhs_exchange",
    "lhs_tradingsymbol",
    "operator",
    "rhs_type",
    "rhs_attribute",
    "rhs_exchange",
    "rhs_tradingsymbol",
    "rhs_constant",
)

Struck = Callable[[Alert], dict[str, object]]
"""Does what an alert's striking does; the entry for its history."""


class Alerts:
    """Every alert of the account, in the order of their making."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._alerts: dict[str, Alert] = {}

    def create(self, form: Mapping[str, str], now_ns: int) -> Alert:
        """A new alert from its form; refuses what cannot be one, and the 501st."""
        if sum(alert.status != "deleted" for alert in self._alerts.values()) >= ALERTS_MAX:
            raise Refusal(f"Maximum number of alerts reached: {ALERTS_MAX}.")
        condition, fields, basket = self._parse(form)
        alert = Alert(str(uuid.uuid4()), condition, fields, basket, now_ns, now_ns, history=[])
        self._alerts[alert.uuid] = alert
        return alert

    def modify(self, name: str, form: Mapping[str, str], now_ns: int) -> Alert:
        """Change an alert; fields that are not given stay. What it has seen is forgotten."""
        alert = self.find(name)
        if alert.status == "deleted":
            raise Refusal("The alert has been deleted.")
        before: dict[str, str] = {key: str(value) for key, value in alert.fields.items() if value != ""}
        if alert.basket is not None:
            before["basket"] = alert.basket.decode()
        alert.condition, alert.fields, alert.basket = self._parse({**before, **form})
        if form.get("status") in {"enabled", "disabled"}:
            alert.status = form["status"]
            alert.disabled_reason = ""
        alert.updated_ns = now_ns
        alert.was_true = False
        return alert

    def find(self, name: str) -> Alert:
        """An alert by its uuid; refuses an unknown one."""
        alert = self._alerts.get(name)
        if alert is None:
            raise Refusal("Alert not found.", "GeneralException", 404)
        return alert

    def delete(self, names: list[str], now_ns: int) -> None:
        """Delete these, all or none."""
        for alert in [self.find(name) for name in names]:
            alert.status = "deleted"
            alert.updated_ns = now_ns

    def listed(self, status: str) -> list[Alert]:
        """Those of a status; all but the deleted where none is asked for. Newest first."""
        wanted = [
            alert
            for alert in self._alerts.values()
            if (alert.status == status if status else alert.status != "deleted")
        ]
        return wanted[::-1]

    def look(self, price: Callable[[Instrument], int], now_ns: int, struck: Struck) -> None:
        """Let every enabled alert look at the prices, and strike where its condition has turned true."""
        for alert in self._alerts.values():
            if alert.status != "enabled":
                continue
            holds = alert.condition.holds(price)
            if holds and not alert.was_true:
                alert.count += 1
                alert.updated_ns = now_ns
                if alert.places_orders:
                    alert.status, alert.disabled_reason = "disabled", "triggered"
                alert.history.append(struck(alert))
            alert.was_true = holds

    def _parse(self, form: Mapping[str, str]) -> tuple[Condition, dict[str, object], bytes | None]:
        """Condition, row fields and basket of a form."""
        name = form.get("name", "").strip()
        if not 0 < len(name) <= _NAME_MAX:
            raise Refusal("Missing or empty field `name`" if not name else "Invalid `name`.")
        kind = _one_of(form, "type", ("simple", "ato"))
        word = _one_of(form, "operator", tuple(OPERATORS))
        rhs_type = _one_of(form, "rhs_type", ("constant", "instrument"))
        fields: dict[str, object] = {
            "name": name,
            "type": kind,
            "operator": word,
            "rhs_type": rhs_type,
            "rhs_attribute": "",
            "rhs_exchange": "",
            "rhs_tradingsymbol": "",
            "rhs_constant": 0,
        }
        left = self._side(form, "lhs", fields)
        right: Instrument | int
        if rhs_type == "constant":
            try:
                right = parse_rupees(form.get("rhs_constant", ""))
            except ValueError:
                raise Refusal("Invalid `rhs_constant`.") from None
            fields["rhs_constant"] = right / UNITS_PER_RUPEE
        else:
            right = self._side(form, "rhs", fields)
        basket = form.get("basket", "").encode() if kind == "ato" else None
        if basket is not None:
            read_basket(basket)
        return Condition(left, word, right), fields, basket

    def _side(self, form: Mapping[str, str], side: str, fields: dict[str, object]) -> Instrument:
        _one_of(form, f"{side}_attribute", (ATTRIBUTE,))
        exchange, symbol = form.get(f"{side}_exchange", ""), form.get(f"{side}_tradingsymbol", "")
        places = ("NSE", "BSE") if exchange == "INDICES" else (exchange,)
        for place in places:
            found = self._universe.by_key.get(f"{place}:{symbol}")
            if found is not None:
                fields |= {
                    f"{side}_attribute": ATTRIBUTE,
                    f"{side}_exchange": exchange,
                    f"{side}_tradingsymbol": symbol,
                }
                return found
        raise Refusal(f"Invalid `{side}_exchange` or `{side}_tradingsymbol`.")


def read_basket(text: bytes) -> Basket:
    """The basket of an `ato` alert; refuses what cannot be one."""
    try:
        basket = _decode_basket(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal("Invalid `basket`.") from None
    if not 0 < len(basket.items) <= _BASKET_ITEMS_MAX:
        raise Refusal(f"Invalid `basket`: 1 to {_BASKET_ITEMS_MAX} items.")
    return basket


def _one_of(form: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = form.get(name, "")
    if not value:
        raise Refusal(f"Missing or empty field `{name}`")
    if value not in allowed:
        raise Refusal(f"Invalid `{name}`.")
    return value


def _named(instrument: Instrument) -> str:
    return f'{ATTRIBUTE}("{instrument.key}")'
