"""What trading costs: dated rates with their sources, one order's charges unrounded, and the day's contract note.

`kinds` says what a trade is to the tariff, `tables` holds the tariff as data, `rates` reads it for a day, `order`
prices one order exactly, `note` adds up a day and rounds once.
"""

from domain.costs.kinds import ChargeKind, UnknownInstrument, charge_kind, charge_kind_of_symbol, kind_by_name
from domain.costs.note import (
    COMPONENTS,
    ChargeableTrade,
    ContractNote,
    Exercise,
    Line,
    NoteBuilder,
    allocate,
    contract_note,
)
from domain.costs.order import OrderCharges, charges_under, order_charges
from domain.costs.rates import FIRST_KNOWN, Fees, Rates, exercise_rate_on, fees_on, rates_on
from domain.costs.tables.contracts import units_per_quantity

__all__ = [
    "COMPONENTS",
    "FIRST_KNOWN",
    "ChargeKind",
    "ChargeableTrade",
    "ContractNote",
    "Exercise",
    "Fees",
    "Line",
    "NoteBuilder",
    "OrderCharges",
    "Rates",
    "UnknownInstrument",
    "allocate",
    "charge_kind",
    "charge_kind_of_symbol",
    "charges_under",
    "contract_note",
    "exercise_rate_on",
    "fees_on",
    "kind_by_name",
    "order_charges",
    "rates_on",
    "units_per_quantity",
]
