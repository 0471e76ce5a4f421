"""What trading costs: dated rates with their sources, one order's charges unrounded, and the day's contract note.

`kinds` says what a trade is to the tariff, `rates` holds the tariff, `order` prices one order exactly, `note` adds up a
day and rounds once.
"""

from domain.costs.kinds import ChargeKind, UnknownInstrument, charge_kind, charge_kind_of_symbol
from domain.costs.note import COMPONENTS, ChargeableTrade, ContractNote, Line, NoteBuilder, allocate, contract_note
from domain.costs.order import OrderCharges, order_charges
from domain.costs.rates import FIRST_KNOWN, Rates, rates_on

__all__ = [
    "COMPONENTS",
    "FIRST_KNOWN",
    "ChargeKind",
    "ChargeableTrade",
    "ContractNote",
    "Line",
    "NoteBuilder",
    "OrderCharges",
    "Rates",
    "UnknownInstrument",
    "allocate",
    "charge_kind",
    "charge_kind_of_symbol",
    "contract_note",
    "order_charges",
    "rates_on",
]
