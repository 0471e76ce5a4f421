"""A frame of ticks as one structured array of integers: the layout that the feed's decoder fills.

A row per packet, in the order received. Absent fields are 0 (see `mode`). Prices are 1/10,000 rupee, quantities units,
`last_trade_time` and `exchange_time` seconds since 1970 UTC as the exchange stamps them. A row is a whole number of
8-byte words (`mode` and `tradable` share one), so that a decoder may fill it word by word.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

MODE_LTP: Final = 0
MODE_QUOTE: Final = 1
MODE_FULL: Final = 2

DEPTH_DTYPE: Final = np.dtype([("quantity", "<i8"), ("price", "<i8"), ("orders", "<i8")])
TICK_DTYPE: Final = np.dtype(
    [
        ("token", "<i8"),
        ("mode", "<i4"),
        ("tradable", "<i4"),
        ("last_price", "<i8"),
        ("last_quantity", "<i8"),
        ("average_price", "<i8"),
        ("volume", "<i8"),
        ("buy_quantity", "<i8"),
        ("sell_quantity", "<i8"),
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("last_trade_time", "<i8"),
        ("oi", "<i8"),
        ("oi_high", "<i8"),
        ("oi_low", "<i8"),
        ("exchange_time", "<i8"),
        ("bids", DEPTH_DTYPE, (5,)),
        ("asks", DEPTH_DTYPE, (5,)),
    ]
)

TickRows: TypeAlias = NDArray[np.void]
"""One-dimensional array of TICK_DTYPE."""
