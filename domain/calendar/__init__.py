"""Trading days and hours, from dated tables with their sources.

`tables` holds the facts, `sessions` answers questions from them. A year without a table is refused in words
(CalendarUnknown): trading on a guessed holiday list costs money, so only the local sandbox may fall back to weekdays.
"""

from domain.calendar.sessions import SessionCalendar

__all__ = ["SessionCalendar"]
