"""From a decision to an order: intents, verdicts, and what workers report."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.exits.values import ExitLevels
from domain.messages.broker import (
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Change,
    Funds,
    ModifyOutcome,
    PlaceOrder,
    PostOutcome,
)
from domain.values import E4, Nanos, OrderKind, Product, Side, Validity, Variety


class OrderIntent(Struct, frozen=True, tag=True):
    """Command, strategy to risk gate: what a strategy wants.

    intent_id        strategy + decision bar + leg: unique for ever, so a repeated decision is seen as one
    quantity         units, positive
    reduce_only      an exit: may only make the strategy's position smaller
    reference_price  the price the decision was made at
    valid_until      market time after which it must not be sent
    decided_time     market time of the decision; `event_time` is the exchange time it rests on
    config_version   the version of the configuration it was decided under
    parent           the execution (an intent's id) or the exit plan that it is a part of; empty: it stands alone
    protective       a reduce-only order that rests to protect a position: it makes way for any other exit
    levels           an entry's: where the position that it opens is to be left
    trigger_price    of a stop kind; of a cover order, the trigger of the stop that comes with it
    ttl_minutes, disclosed_quantity, iceberg_legs  as of PlaceOrder
    slice_of         the intent that this one is a part of: the order supervisor cuts what is above the freeze quantity
    """

    intent_id: str
    strategy: str
    token: int
    instrument: str
    side: Side
    quantity: int
    product: Product
    kind: OrderKind
    reference_price: E4
    valid_until: Nanos
    event_time: Nanos
    decided_time: Nanos
    reduce_only: bool = False
    price: E4 = 0
    trigger_price: E4 = 0
    validity: Validity = Validity.DAY
    reason: str = ""
    config_version: int = 1
    parent: str = ""
    protective: bool = False
    levels: ExitLevels = ExitLevels()
    variety: Variety = Variety.REGULAR
    ttl_minutes: int = 0
    disclosed_quantity: int = 0
    iceberg_legs: int = 0
    slice_of: str = ""


class ModifyIntent(Struct, frozen=True, tag=True):
    """Command, strategy to risk gate: change an order of its own that rests at the broker.

    modify_id    unique for ever, as an intent's id
    tag          the order's tag (`View.orders`)
    valid_until  market time after which it must not be sent
    """

    modify_id: str
    strategy: str
    tag: str
    change: Change
    reference_price: E4
    valid_until: Nanos
    event_time: Nanos
    decided_time: Nanos
    why: str = ""
    config_version: int = 1


class CancelIntent(Struct, frozen=True, tag=True):
    """Command, strategy to order supervisor: withdraw an order or a GTT of its own. Always allowed, so never asked of
    the risk gate.
    """

    strategy: str
    tag: str
    why: str


class DenyReason(Enum):
    """Each way to be denied by us has a name of its own. Their order is that of the checks; the last two are asked of
    modifications alone.
    """

    STARTING = "trading has not started"
    HALTED = "trading is halted"
    REDUCING = "only exits are allowed"
    KILL_LATCH = "the kill latch is closed"
    STRATEGY_FROZEN = "the strategy is frozen"
    UNKNOWN_INSTRUMENT = "the instrument is not known"
    NOT_TRADABLE = "the instrument cannot be traded"
    EXPIRED = "the contract has expired"
    INSTRUMENT_BANNED = "the instrument is banned"
    INSTRUMENT_FROZEN = "the instrument is frozen"
    EXCHANGE_NOT_ALLOWED = "the exchange is not allowed here"
    PRODUCT_NOT_ALLOWED = "the product is not allowed here"
    SHORT_SALE = "delivery cannot be sold short"
    SESSION_CLOSED = "outside the instrument's trading hours"
    MIS_CUTOFF = "too late for a new intraday position"
    EXPIRY_DAY = "too late on the contract's last day"
    PHYSICAL_SETTLEMENT = "too near to settlement by delivery"
    INTENT_EXPIRED = "the decision is too old"
    DUPLICATE_INTENT = "this decision was seen already"
    REPEATED_INTENT = "the same order was approved a moment ago"
    BAD_QUANTITY = "the quantity is not positive"
    BAD_TERMS = "the order's terms contradict each other"
    LOT_SIZE = "the quantity is not a multiple of the lot"
    FREEZE_QUANTITY = "the quantity is above the freeze quantity"
    TICK_SIZE = "the price is not a multiple of the tick"
    STALE_FEED = "the price feed is down"
    STALE_PRICE = "the last price is too old"
    NO_PRICE = "no price has been seen"
    PRICE_BAND = "the price is too far from the last price"
    CIRCUIT = "the price is beyond the exchange's limits of the day"
    BAD_TRIGGER = "the trigger is on the wrong side of the last price"
    MARKET_PROTECTION = "a market order without enough protection"
    QUANTITY_PER_ORDER = "the quantity is above the limit per order"
    VALUE_PER_ORDER = "the value is above the limit per order"
    STRATEGY_ORDERS_PER_SECOND = "too many orders of this strategy this second"
    STRATEGY_ORDERS_PER_MINUTE = "too many orders of this strategy this minute"
    STRATEGY_ORDERS_PER_DAY = "too many orders of this strategy today"
    ORDERS_PER_SECOND = "too many orders this second"
    ORDERS_PER_MINUTE = "too many orders this minute"
    ORDERS_PER_DAY = "too many orders today"
    OPEN_ORDERS_PER_INSTRUMENT = "too many open orders in this instrument"
    OPEN_ORDERS_PER_STRATEGY = "too many open orders of this strategy"
    OPEN_ORDERS = "too many open orders"
    NOT_REDUCING = "a reduce-only order would open or turn the position"
    HOLDINGS = "more than the holdings that may be sold"
    OPPOSING_STRATEGY = "another strategy holds the other side of this instrument"
    SELF_TRADE = "it could trade with an own order"
    UNRESOLVED_ORDER = "an order of this strategy in this instrument is unresolved"
    POSITION_QUANTITY = "the position would be above the limit in units"
    POSITION_VALUE = "the position would be above the limit in rupees"
    UNDERLYING_EXPOSURE = "the exposure to the underlying would be above the limit"
    STRATEGY_EXPOSURE = "the strategy's exposure would be above the limit"
    PRODUCT_EXPOSURE = "the product's exposure would be above the limit"
    SEGMENT_EXPOSURE = "the segment's exposure would be above the limit"
    NET_EXPOSURE = "the net exposure would be above the limit"
    GROSS_EXPOSURE = "the gross exposure would be above the limit"
    CONCENTRATION = "too much of the funds in one underlying"
    INSUFFICIENT_MARGIN = "not enough margin"
    BROKER_MARGIN = "not enough margin by the broker's own figures"
    TRADES_PER_DAY = "too many trades of this strategy today"
    COOL_DOWN = "the strategy has lost too often in a row"
    STRATEGY_DAILY_LOSS = "the strategy's loss limit of the day is reached"
    DAILY_LOSS = "the day's loss limit is reached"
    PROFIT_GIVEBACK = "too much of the day's profit was given back"
    DAY_DRAWDOWN = "the day's result has fallen too far from its peak"
    DRAWDOWN = "the account's result has fallen too far from its peak"
    NO_OPEN_ORDER = "there is no such order of this strategy to modify"
    MODIFICATIONS = "the order was modified too often"


class Denied(Struct, frozen=True, tag=True):
    """Event, risk gate to strategy: we refused, and why, with the figures."""

    intent_id: str
    strategy: str
    reason: DenyReason
    text: str
    decided_time: Nanos


class ApprovedIntent(Struct, frozen=True, tag=True):
    """Command, risk gate to order supervisor: margin and exposure are held under the intent's id.

    bid, ask  the best prices at that moment, 0: unknown; execution is measured against their middle
    """

    intent: OrderIntent
    risk_epoch: int
    margin_held: E4
    approved_time: Nanos
    bid: E4 = 0
    ask: E4 = 0


class ApprovedModify(Struct, frozen=True, tag=True):
    """Command, risk gate to order supervisor: the change is allowed, and its worst case is held.

    margin_held  of the whole order as it would be
    reduce_only  the order is an exit and stays one: the proof that the gate wants outside ACTIVE
    """

    intent: ModifyIntent
    risk_epoch: int
    margin_held: E4
    reduce_only: bool
    approved_time: Nanos


class SubmitOrder(Struct, frozen=True, tag=True):
    """Command, order supervisor to a gateway worker: claim the tag and post.

    reduce_only_proof  the quantity is within what the strategy holds, net of pending exits: lets an exit through in
                       REDUCING and HALTED
    """

    order: PlaceOrder
    strategy: str
    reduce_only_proof: bool
    valid_until: Nanos


class ModifyOrder(Struct, frozen=True, tag=True):
    """Command, order supervisor to a gateway worker: claim the modification, then one PUT.

    number             which modification of this order it is, from 1
    reduce_only_proof  as of SubmitOrder
    """

    tag: str
    number: int
    order_id: str
    variety: Variety
    change: Change
    reduce_only_proof: bool
    valid_until: Nanos
    parent_order_id: str = ""


class CancelOrder(Struct, frozen=True, tag=True):
    """Command, order supervisor to the instrument's exit worker.

    parent_order_id  of a cover order's second leg
    instrument       `EXCHANGE:SYMBOL`
    """

    tag: str
    order_id: str
    variety: Variety = Variety.REGULAR
    parent_order_id: str = ""
    instrument: str = ""


class OrderPosted(Struct, frozen=True, tag=True):
    """Event, gateway worker to order supervisor: what came of one POST. A fact: never fenced.

    claim_seq    the journal's seq of the claim, 0 where none was made
    started_mono, finished_mono  monotonic nanoseconds around the request; finished_time is market time
    """

    tag: str
    outcome: PostOutcome
    claim_seq: int
    started_mono: Nanos
    finished_mono: Nanos
    finished_time: Nanos


class ModifyPosted(Struct, frozen=True, tag=True):
    """Event, gateway worker to order supervisor: what came of one PUT. A fact, as OrderPosted.

    claimed  it was claimed in the journal: where it was not, it was certainly not sent
    """

    tag: str
    number: int
    outcome: ModifyOutcome
    claimed: bool


class CancelPosted(Struct, frozen=True, tag=True):
    """Event, gateway worker to order supervisor."""

    tag: str
    order_id: str
    outcome: CancelOutcome


class OrderUpdateReceived(Struct, frozen=True, tag=True):
    """Event, feed thread or postback receiver to order supervisor: an order update, decoded. A hint, cumulative."""

    order: BrokerOrder
    source: str = "socket"


class ReadOrderBook(Struct, frozen=True, tag=True):
    """Command, order supervisor to the read worker: the whole order book (and trades with it if asked)."""

    request: int
    with_trades: bool = True


class OrderBookRead(Struct, frozen=True, tag=True):
    """Event, read worker to order supervisor and reconciler. `error` is empty when it worked.

    begun  when it was asked for: of what happened later it may know nothing
    """

    request: int
    orders: tuple[BrokerOrder, ...]
    trades: tuple[BrokerTrade, ...]
    begun: Nanos
    error: str = ""
    login_needed: bool = False


class ReadTrades(Struct, frozen=True, tag=True):
    """Command, order supervisor to the read worker: trades of these orders."""

    order_ids: tuple[str, ...]


class TradesRead(Struct, frozen=True, tag=True):
    """Event, read worker to order supervisor."""

    order_ids: tuple[str, ...]
    trades: tuple[BrokerTrade, ...]
    error: str = ""


class ReadAccount(Struct, frozen=True, tag=True):
    """Command to the read worker: positions and holdings, funds, or both."""

    request: int
    positions: bool = True
    funds: bool = True


class AccountRead(Struct, frozen=True, tag=True):
    """Event, read worker to order supervisor and reconciler. `error` is empty when it worked.

    positions, holdings, funds  None: not asked for, or not read
    """

    request: int
    positions: tuple[BrokerPosition, ...] | None
    holdings: tuple[BrokerHolding, ...] | None
    funds: Funds | None
    error: str = ""
    login_needed: bool = False


class IntentVoided(Struct, frozen=True, tag=True):
    """Event, order supervisor to risk gate and strategy: an approved intent could not even be journaled.

    approved_time  of the approval that came to nothing: the same intent may have been approved again since
    """

    intent_id: str
    strategy: str
    approved_time: Nanos
    why: str


class CancelOpenOrders(Struct, frozen=True, tag=True):
    """Command to the order supervisor: cancel what rests; exits stay unless asked, and what protects always stays.

    strategy, instrument  of these alone; empty means all
    """

    strategy: str = ""
    include_exits: bool = False
    why: str = ""
    instrument: str = ""
