"""How our books are held against the broker's, and what is done about each difference."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.types import Rupees, Seconds
from domain.reconcile.names import Difference, Policy

Stop = Literal["freeze_instrument", "freeze_strategy", "halt"]
AnyPolicy = Literal["adopt", "ignore", "freeze_instrument", "freeze_strategy", "halt"]
NotAdopted = Literal["ignore", "freeze_instrument", "freeze_strategy", "halt"]
OfNoInstrument = Literal["ignore", "halt"]


class PolicySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done about each difference. Where nothing could be taken over, `adopt` is not allowed."""

    missed_fill: AnyPolicy
    unknown_order: AnyPolicy
    external_order: AnyPolicy
    missing_order: NotAdopted
    broker_square_off: AnyPolicy
    external_position: AnyPolicy
    external_short: Stop
    quantity_drift: NotAdopted
    price_drift: NotAdopted
    holding_drift: NotAdopted
    funds_drift: OfNoInstrument

    def by_name(self) -> dict[Difference, Policy]:
        """As the domain knows them."""
        return {each: Policy(getattr(self, each.name.lower())) for each in Difference}


class PostbackSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Order updates posted by the broker to an address of ours.

    path  what the app's postback URL ends with
    """

    enabled: bool
    host: str
    port: Annotated[int, Meta(ge=0, le=65_535)]
    path: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9/_-]*$", description="a path such as /postback")]


class ReconcileSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Comparing positions, holdings and funds; orders are compared at every reading (`orders.reconcile_seconds`).

    confirm_seconds  what differs is looked at again after so long, and believed if it still does
    """

    positions_seconds: Seconds
    funds_seconds: Seconds
    confirm_seconds: Seconds
    update_grace_seconds: Seconds
    price_tolerance: Rupees
    funds_tolerance: Rupees
    policies: PolicySettings
