"""What is the same for every segment, what is charged for events rather than turnover, and how each part is rounded."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from domain.costs.tables.shape import PAGE, always, per_crore
from domain.values import E4, PAISA, RUPEE

SEBI_FEE: Final = always(per_crore("10"), PAGE)
"""On every turnover."""

GST_PERCENT: Final = always(18, "GST rate since 2017, kite-facts 7.1")
"""On brokerage, exchange charge without the investor protection fund, and the SEBI fee."""

BROKERAGE_CAP: Final = always(20 * RUPEE, PAGE)
"""Most that one executed order costs in brokerage; options cost exactly this."""

DP_CHARGE: Final = always(1534 * PAISA, PAGE)
"""Per scrip and day on which holdings are sold for delivery, GST included."""

SQUARE_OFF_FEE: Final = always(59 * RUPEE, f"Rs 50 and 18 % GST; {PAGE} and 9.3")
"""Per order by which the broker squares off, or that was called in by telephone."""


class Rounding(Struct, frozen=True):
    """How a component is rounded on the day's note: once, half up, to `unit`, after exact summing over `over`."""

    unit: E4
    over: str
    source: str


_NOTE: Final = "contract-note practice, not verified, kite-facts 7.1"
_GROUP: Final = "all trades of an exchange"

ROUNDING: Final[dict[str, Rounding]] = {
    "brokerage": Rounding(PAISA, _GROUP, _NOTE),
    "stt": Rounding(RUPEE, "an instrument, a kind of trade and a side; the exercises of an instrument apart", _NOTE),
    "exchange": Rounding(PAISA, _GROUP, _NOTE),
    "sebi": Rounding(PAISA, _GROUP, _NOTE),
    "gst": Rounding(PAISA, _GROUP, _NOTE),
    "stamp": Rounding(RUPEE, _GROUP, _NOTE),
}
"""By component. The depository charge and the square-off fee are whole amounts already."""
