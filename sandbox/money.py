"""Money in the sandbox: integers of 1/10,000 rupee, so that every segment's tick is exact.

Values (price times quantity) have the same unit. Only the wire knows rupees as floats or paise as integers.
"""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

UNITS_PER_RUPEE = 10_000
UNITS_PER_PAISA = 100

_PRICE_TEXT_MAX = 24
_PRICE_UNITS_MAX = 10**12


def to_rupees(units: int) -> float:
    """Rupees as a JSON number; exact to the fourth decimal for anything below 10^11 rupees."""
    return units / UNITS_PER_RUPEE


def parse_rupees(text: str) -> int:
    """Units of 1/10,000 rupee for a decimal text such as `1500.05`.

    Raises ValueError when the text is no finite number, is finer than 1/10,000 rupee, or is absurdly large.
    """
    if len(text) > _PRICE_TEXT_MAX:
        raise ValueError(f"number too long: {text[:_PRICE_TEXT_MAX]}…")
    try:
        units = Decimal(text.strip()) * UNITS_PER_RUPEE
    except InvalidOperation as error:
        raise ValueError(f"not a number: {text!r}") from error
    if not units.is_finite() or abs(units) > _PRICE_UNITS_MAX:
        raise ValueError(f"not a usable number: {text!r}")
    whole = int(units)
    if whole != units:
        raise ValueError(f"finer than 1/10,000 rupee: {text!r}")
    return whole


def round_half_up(value: Fraction) -> int:
    """The nearest integer; a half goes up (contract notes round so). Only for values of zero or more."""
    if value < 0:
        raise ValueError(f"charges are never negative, found {value}")
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
