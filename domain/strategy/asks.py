"""What a strategy may ask for besides an order: a change of one that rests, its end, and protection by a GTT."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from domain.messages.broker import Change
from domain.messages.gtt import GttIntent, GttLeg, ModifyGttIntent
from domain.messages.orders import CancelIntent, ModifyIntent
from domain.values import E4, Nanos


class ModifyDraft(Struct, frozen=True):
    """Change an order of its own (`View.orders` has the tags). It is decided on by the risk gate, as an order is.

    event, leg  as of IntentDraft: they make the change's id
    """

    token: int
    tag: str
    change: Change
    event: Nanos
    reference_price: E4
    leg: str = "modify"
    reason: str = ""


class CancelDraft(Struct, frozen=True):
    """Withdraw an order or a GTT of its own. Nobody is asked."""

    token: int
    tag: str
    reason: str = ""


class GttDraft(Struct, frozen=True):
    """Protect the position by a GTT: one leg, or two of which the first to be reached cancels the other."""

    token: int
    legs: tuple[GttLeg, ...]
    event: Nanos
    reference_price: E4
    leg: str = "gtt"
    reason: str = ""


class ModifyGttDraft(Struct, frozen=True):
    """Other legs, as many, for a GTT of its own (`View.gtts` has the tags)."""

    token: int
    tag: str
    legs: tuple[GttLeg, ...]
    event: Nanos
    reference_price: E4
    leg: str = "gtt"
    reason: str = ""


class OwnGtt(NamedTuple):
    """A GTT of the strategy that rests at the broker, or may."""

    token: int
    intent_id: str
    tag: str
    legs: tuple[GttLeg, ...]


Ask = ModifyDraft | CancelDraft | GttDraft | ModifyGttDraft
Asked = ModifyIntent | CancelIntent | GttIntent | ModifyGttIntent
