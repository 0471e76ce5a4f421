"""What can go wrong, grouped by what the caller should do about it.

PatangError
├── BrokerError             a read from the broker failed
│   ├── BrokerUnavailable   try again later: network, 5xx, unparsed reply
│   ├── SlowDown            try again later, more slowly: 429
│   ├── BrokerRefusal       do not try again: the broker says the request itself is wrong or not permitted
│   │   └── NotPermitted    … and only a person can change that: static address, plan, authorisation
│   └── LoginNeeded         a person must log in again
├── JournalError
│   ├── JournalUnavailable  full or read-only disk: refuse entries, in words
│   ├── StaleApproval       the risk gate restarted since: the approval's hold is gone
│   ├── DuplicateIntent     this intent or tag is journaled already
│   └── JournalCorrupt      stop: a person must look
├── AccountLocked           another process trades this account
├── CalendarUnknown         no table for that year: refuse to trade
├── StrategyProcessEnded    a strategy's own process cannot start, or ended by itself: begin another
├── RatesUnknown            no charges table for that date
└── IllegalTransition       an order was moved against TRANSITIONS: a defect, freeze it
"""

from __future__ import annotations


class PatangError(Exception):
    """Any failure that Patang names. Its text is one line fit for a user."""


class BrokerError(PatangError):
    """A read from the broker failed."""


class BrokerUnavailable(BrokerError):
    """Nothing is wrong with the request: try again later."""


class SlowDown(BrokerUnavailable):
    """The broker's rate limit was met."""


class BrokerRefusal(BrokerError):
    """The broker proved that it refuses this request."""


class NotPermitted(BrokerRefusal):
    """The broker refuses all requests like this one until a person changes something there or in the settings."""


class LoginNeeded(BrokerError):
    """The session is over; a person must log in."""


class JournalError(PatangError):
    """The journal could not do what was asked."""


class JournalUnavailable(JournalError):
    """Nothing can be made durable now: full or read-only disk."""


class StaleApproval(JournalError):
    """The approval is older than the risk gate that would have to answer for it."""


class DuplicateIntent(JournalError):
    """The intent or its tag is journaled already."""


class JournalCorrupt(JournalError):
    """What is stored contradicts itself."""


class AccountLocked(PatangError):
    """Another process holds this account's lock."""


class CalendarUnknown(PatangError):
    """There is no calendar table for the year."""


class RatesUnknown(PatangError):
    """There is no table of charges for the date."""


class StrategyProcessEnded(PatangError):
    """The process that a strategy has for itself cannot start, or ended by itself."""


class IllegalTransition(PatangError):
    """An order was moved against the table of transitions."""
