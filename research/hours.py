"""Sessions, cut-offs and square-offs of a day: one reading of the settings for both engines."""

from __future__ import annotations

from typing import Final

from domain.ports import Calendar
from domain.values import SECOND, Nanos, Product, SessionClass
from research.data.days import at_time, hours_of
from research.settings import RunSettings

NEVER: Final[Nanos] = 1 << 62


def square_off_at(day: int, session: SessionClass, settings: RunSettings, calendar: Calendar | None) -> Nanos:
    """When positions of the class are closed on that day; NEVER where they are not."""
    at = settings.square_off.get(session)
    if calendar is None or settings.product is not Product.MIS or at is None:
        return NEVER
    opens, closes = hours_of(day, session, calendar)
    if closes <= opens:
        return NEVER
    usual = at_time(day, at)
    return usual if opens < usual < closes else max(opens, closes - 600 * SECOND)


def cutoff_at(day: int, session: SessionClass, settings: RunSettings, calendar: Calendar | None) -> Nanos | None:
    """From when no MIS entry is made; None where that is not known, which denies them."""
    at = settings.mis_cutoff.get(session)
    if calendar is None:
        return NEVER
    return None if at is None else at_time(day, at)
