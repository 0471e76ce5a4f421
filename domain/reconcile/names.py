"""The name of every difference, and what may be done about one. (No other module of ours is imported here.)"""

from __future__ import annotations

from enum import Enum


class Difference(Enum):
    """What may differ between our books and the broker's; docs/reconciliation.md has a row for each.

    MISSED_FILL         the order book shows a fill of ours that no update told of
    UNKNOWN_ORDER       an order with a tag of our form that no journal of ours has
    EXTERNAL_ORDER      an order that is not ours: made by hand, or by another program
    MISSING_ORDER       an order of ours, acknowledged and open, is not in the broker's book
    BROKER_SQUARE_OFF   an order by which the broker itself closed an intraday position
    EXTERNAL_POSITION   a position where we hold nothing and no trade of today explains it
    EXTERNAL_SHORT      more was sold from outside than was bought there: what is sold may be a strategy's
    QUANTITY_DRIFT      a position of ours is larger or smaller at the broker
    PRICE_DRIFT         its quantity agrees, what was paid for it does not
    HOLDING_DRIFT       shares that we carry are not among the holdings
    FUNDS_DRIFT         with nothing held or under way, the money differs from what the trades leave
    """

    MISSED_FILL = "missed fill"
    UNKNOWN_ORDER = "unknown order"
    EXTERNAL_ORDER = "external order"
    MISSING_ORDER = "missing order"
    BROKER_SQUARE_OFF = "broker square-off"
    EXTERNAL_POSITION = "external position"
    EXTERNAL_SHORT = "external short"
    QUANTITY_DRIFT = "quantity drift"
    PRICE_DRIFT = "price drift"
    HOLDING_DRIFT = "holding drift"
    FUNDS_DRIFT = "funds drift"


class Policy(Enum):
    """What is done about a difference, besides journaling it.

    ADOPT              the broker's word is taken into our books where it is not there already; a warning
    IGNORE             nothing
    FREEZE_INSTRUMENT  no entries in the instrument while the difference stands; a critical alert
    FREEZE_STRATEGY    no entries of the strategies that it concerns while it stands; a critical alert
    HALT               trading is halted until a person resumes it; a critical alert
    """

    ADOPT = "adopt"
    IGNORE = "ignore"
    FREEZE_INSTRUMENT = "freeze_instrument"
    FREEZE_STRATEGY = "freeze_strategy"
    HALT = "halt"
