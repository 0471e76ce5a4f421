"""No sequence of intents, fills and faults exceeds a limit by worst-case exposure: whatever the gate approves, and
however what it approved turns out.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.messages.journal import (
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
)
from domain.messages.orders import Denied, OrderIntent
from domain.risk import Approval, RiskBook, check
from domain.values import RUPEE, Product, Side
from tests.domain.builders import (
    INFY,
    INSTRUMENTS,
    NOW,
    SBIN,
    a_trade,
    accepted,
    an_intent,
    day_opened,
    journal,
    seen,
    some_facts,
    some_limits,
)

PRICES = {INFY.token: 1000 * RUPEE, SBIN.token: 800 * RUPEE}
FUNDS = 60_000 * RUPEE
LIMITS = some_limits(
    max_quantity_per_order=60,
    max_position_quantity=100,
    max_position_value_per_instrument=90_000 * RUPEE,
    gross_exposure_max=150_000 * RUPEE,
    orders_per_day=12,
    margin_percent_mis=40,
)


class Market(RuleBasedStateMachine):
    """The truth beside the book: what each order may still do, and what has really traded."""

    def __init__(self) -> None:
        super().__init__()
        self.book = RiskBook(INSTRUMENTS)
        self.count = 0
        self.entries = 0
        self.live: dict[str, tuple[OrderIntent, int, int]] = {}  # tag: intent, truly filled, booked
        self.truth: dict[tuple[str, int], int] = {}

    def tell(self, *events: JournalEvent) -> None:
        self.book.apply_all(journal(*events, after=self.book.seq))

    @initialize()
    def open(self) -> None:
        self.tell(day_opened())
        for token, price in PRICES.items():
            self.book.mark(token, price)

    @rule(
        strategy=st.sampled_from(["s1", "s2"]),
        instrument=st.sampled_from([INFY, SBIN]),
        side=st.sampled_from(Side),
        quantity=st.integers(1, 70),
        reduce_only=st.booleans(),
        reaches_journal=st.sampled_from([True, True, True, False]),
    )
    def decide(
        self, strategy: str, instrument: object, side: Side, quantity: int, reduce_only: bool, reaches_journal: bool
    ) -> None:
        assert isinstance(instrument, type(INFY))
        self.count += 1
        intent = an_intent(
            f"i{self.count}",
            strategy=strategy,
            token=instrument.token,
            instrument=instrument.key,
            side=side,
            quantity=quantity,
            reduce_only=reduce_only,
            reference_price=PRICES[instrument.token],
        )
        facts = some_facts(instrument=instrument, price=PRICES[instrument.token], available_cash=FUNDS)
        verdict = check(intent, self.book, LIMITS, facts)
        if isinstance(verdict, Denied):
            return
        assert isinstance(verdict, Approval)
        self.entries += not reduce_only
        self.book.hold(intent, verdict.margin, NOW)
        if reaches_journal:
            tag = f"tag{self.count}"
            self.tell(accepted(intent, tag, verdict.margin))
            self.live[tag] = intent, 0, 0
        else:
            self.tell(IntentExpired("", intent.intent_id, strategy, "stale approval", NOW))
            self.entries -= not reduce_only

    def any_tag(self, data: st.DataObject) -> str | None:
        return data.draw(st.sampled_from(sorted(self.live))) if self.live else None

    @rule(data=st.data(), units=st.integers(1, 70), told=st.booleans())
    def fill(self, data: st.DataObject, units: int, told: bool) -> None:
        """It fills at the exchange, whether we hear of it or not."""
        tag = self.any_tag(data)
        if tag is None:
            return
        intent, filled, booked = self.live[tag]
        more = min(units, intent.quantity - filled)
        self.live[tag] = intent, filled + more, booked
        key = intent.strategy, intent.token
        self.truth[key] = self.truth.get(key, 0) + intent.side.sign * more
        if told:
            self.tell(seen(intent, tag, filled + more))

    @rule(data=st.data())
    def book_trades(self, data: st.DataObject) -> None:
        tag = self.any_tag(data)
        if tag is not None:
            self.catch_up(tag)

    def catch_up(self, tag: str) -> None:
        intent, filled, booked = self.live[tag]
        if filled > booked:
            self.tell(
                a_trade(
                    f"{tag}:{filled}",
                    tag=tag,
                    strategy=intent.strategy,
                    token=intent.token,
                    instrument=intent.instrument,
                    side=intent.side,
                    product=Product.MIS,
                    quantity=filled - booked,
                    price=PRICES[intent.token],
                )
            )
            self.live[tag] = intent, filled, filled

    @rule(data=st.data(), resolved=st.booleans())
    def lose_sight(self, data: st.DataObject, resolved: bool) -> None:
        tag = self.any_tag(data)
        if tag is not None:
            strategy = self.live[tag][0].strategy
            self.tell(
                OrderAcknowledged(tag, f"o-{tag}", strategy, NOW, "tag")
                if resolved
                else OrderQuarantined(tag, strategy, "timeout", NOW)
            )

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """It ends at the broker: what filled is booked first, the rest will never fill."""
        tag = self.any_tag(data)
        if tag is None:
            return
        self.catch_up(tag)
        intent, filled, _ = self.live.pop(tag)
        if filled == 0:
            self.tell(OrderRejected(tag, "", intent.strategy, "refused", NOW))
        else:
            state = OrderState.COMPLETE if filled == intent.quantity else OrderState.CANCELLED
            self.tell(OrderClosed(tag, f"o-{tag}", intent.strategy, state, filled, "", NOW))

    @rule()
    def restart(self) -> None:
        """The gate crashes and rebuilds; the market's prices come again."""
        self.book = RiskBook.decode(self.book.encode(), INSTRUMENTS)
        for token, price in PRICES.items():
            self.book.mark(token, price)

    def could_reach(self, token: int) -> int:
        """The largest position, strategies unsigned, if of all that is open any part fills."""
        total = 0
        for strategy in ("s1", "s2"):
            position = self.truth.get((strategy, token), 0)
            mine = [(i, f) for i, f, _ in self.live.values() if (i.strategy, i.token) == (strategy, token)]
            high = position + sum(i.quantity - f for i, f in mine if i.side is Side.BUY)
            low = position - sum(i.quantity - f for i, f in mine if i.side is Side.SELL)
            total += max(abs(high), abs(low))
        return total

    @invariant()
    def the_truth_is_within_the_books_worst_case(self) -> None:
        for token in PRICES:
            told = all(
                self.book.position(strategy, token, Product.MIS) == self.truth.get((strategy, token), 0)
                for strategy in ("s1", "s2")
            )
            # A fill that the book has not heard of narrows what is possible: the book stays on the careful side.
            if told:
                assert self.could_reach(token) == self.book.worst_case(token)
            else:
                assert self.could_reach(token) <= self.book.worst_case(token)

    @invariant()
    def no_limit_can_be_exceeded(self) -> None:
        gross = 0
        for token, price in PRICES.items():
            units = self.could_reach(token)
            assert units <= LIMITS.max_position_quantity
            assert units * price <= LIMITS.max_position_value_per_instrument
            gross += units * price
        assert gross <= LIMITS.gross_exposure_max
        assert self.book.margin_used(LIMITS) <= FUNDS
        assert self.entries <= LIMITS.orders_per_day

    @invariant()
    def exits_alone_never_turn_a_position(self) -> None:
        for (strategy, token), position in self.truth.items():
            mine = [(i, f) for i, f, _ in self.live.values() if (i.strategy, i.token) == (strategy, token)]
            if mine and all(i.reduce_only for i, _ in mine):
                pending = sum(i.side.sign * (i.quantity - f) for i, f in mine)
                assert position * (position + pending) >= 0


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
