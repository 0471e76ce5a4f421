"""How many units of value a quoted unit stands for, where an order's own words do not say it.

The day's list of instruments has it for everything that is traded, and the books use that alone. This table serves
whoever has nothing but an order in hand, whose quantity is in lots for currencies and commodities.
"""

from __future__ import annotations

import re
from typing import Final

from domain.costs.kinds import UnknownInstrument

CURRENCY_UNITS: Final = 1000
"""Rs per rupee of price and lot; the yen too: 100,000 of them, quoted by the hundred (kite-facts 2.4)."""

_SPECIFICATION: Final = "MCX contract specifications, general knowledge, not verified"

COMMODITY_UNITS: Final[dict[str, tuple[int, str]]] = {
    "GOLD": (100, _SPECIFICATION),
    "GOLDM": (10, _SPECIFICATION),
    "GOLDGUINEA": (1, _SPECIFICATION),
    # The sample note of kite-facts 7.2: one lot is worth its price.
    "GOLDPETAL": (1, "kite-facts 7.2"),
    "SILVER": (30, _SPECIFICATION),
    "SILVERM": (5, _SPECIFICATION),
    "SILVERMIC": (1, _SPECIFICATION),
    "CRUDEOIL": (100, _SPECIFICATION),
    "CRUDEOILM": (10, _SPECIFICATION),
    "NATURALGAS": (1250, _SPECIFICATION),
    "NATGASMINI": (250, _SPECIFICATION),
    "COPPER": (2500, _SPECIFICATION),
    "ZINC": (5000, _SPECIFICATION),
    "ZINCMINI": (1000, _SPECIFICATION),
    "ALUMINIUM": (5000, _SPECIFICATION),
    "ALUMINI": (1000, _SPECIFICATION),
    "LEAD": (5000, _SPECIFICATION),
    "LEADMINI": (1000, _SPECIFICATION),
}
"""(units, source) by underlying."""

_UNDERLYING: Final = re.compile(r"([A-Z]+)\d")


def units_per_quantity(exchange: str, symbol: str) -> int:
    """Rupees of value per rupee of price and unit of an order's quantity. Raises UnknownInstrument."""
    if exchange in ("CDS", "BCD"):
        return CURRENCY_UNITS
    if exchange != "MCX":
        return 1
    found = _UNDERLYING.match(symbol)
    if found is None or found[1] not in COMMODITY_UNITS:
        raise UnknownInstrument(f"{exchange}:{symbol}: how many units a lot has is not known")
    return COMMODITY_UNITS[found[1]][0]
