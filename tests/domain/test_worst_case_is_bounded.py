"""No sequence of intents, fills and faults exceeds a limit by worst-case exposure: whatever the gate approves, and
however what it approved turns out.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from domain.messages.broker import Change
from domain.messages.journal import (
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderState,
    SendingClaimed,
)
from domain.messages.orders import Denied, ModifyIntent, OrderIntent
from domain.orders.transitions import fold
from domain.risk import Approval, RiskBook, check
from domain.risk.changes import check_change
from domain.values import RUPEE, SECOND, OrderKind, Product, Side
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
    underlying_exposure_max=60_000 * RUPEE,
    strategy_exposure_max=100_000 * RUPEE,
    product_exposure_max=145_000 * RUPEE,
    segment_exposure_max=140_000 * RUPEE,
    net_exposure_max=70_000 * RUPEE,
    concentration_max_percent=140,
    open_orders_per_instrument=4,
    open_orders_per_strategy=5,
    open_orders=7,
    strategy_orders_per_day=9,
    trades_per_day=6,
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
        self.made = {"s1": 0, "s2": 0}
        self.changed = False
        self.records: dict[str, OrderRecord] = {}

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
        limit=st.booleans(),
        reaches_journal=st.sampled_from([True, True, True, False]),
    )
    def decide(
        self,
        strategy: str,
        instrument: object,
        side: Side,
        quantity: int,
        reduce_only: bool,
        limit: bool,
        reaches_journal: bool,
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
            kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
            price=PRICES[instrument.token] if limit else 0,
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
            record = fold(None, accepted(intent, tag, verdict.margin))
            for step in (SendingClaimed(tag, NOW), OrderAcknowledged(tag, f"o-{tag}", strategy, NOW)):
                record = fold(record, step)
            assert record is not None
            self.records[tag] = record
            self.made[strategy] += not reduce_only
        else:
            if self.count % 2:
                self.tell(IntentExpired("", intent.intent_id, strategy, "one of a former gate", NOW))
                assert self.book.is_known(intent.intent_id), "ours still counts"
            self.book.release(intent.intent_id, NOW)
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
            # A fill or a change that the book has not heard of narrows what is possible: it stays on the careful side.
            if told and not self.changed:
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

    def reach(self, strategy: str, token: int) -> tuple[int, int]:
        """The lowest and the highest position of a line, if of all that is open any part fills."""
        position = self.truth.get((strategy, token), 0)
        mine = [(i, f) for i, f, _ in self.live.values() if (i.strategy, i.token) == (strategy, token)]
        return (
            position - sum(i.quantity - f for i, f in mine if i.side is Side.SELL),
            position + sum(i.quantity - f for i, f in mine if i.side is Side.BUY),
        )

    @invariant()
    def no_other_limit_on_exposure_can_be_exceeded(self) -> None:
        ends = {(s, t): self.reach(s, t) for s in ("s1", "s2") for t in PRICES}
        worth = {line: max(map(abs, reach)) * PRICES[line[1]] for line, reach in ends.items()}
        for strategy in ("s1", "s2"):
            assert sum(each for line, each in worth.items() if line[0] == strategy) <= LIMITS.strategy_exposure_max
        for token in PRICES:
            of_one = sum(each for line, each in worth.items() if line[1] == token)
            assert of_one <= LIMITS.underlying_exposure_max
            assert of_one * 100 <= LIMITS.concentration_max_percent * FUNDS
        assert sum(worth.values()) <= min(LIMITS.product_exposure_max, LIMITS.segment_exposure_max)
        low = sum(reach[0] * PRICES[line[1]] for line, reach in ends.items())
        high = sum(reach[1] * PRICES[line[1]] for line, reach in ends.items())
        assert max(-low, high) <= LIMITS.net_exposure_max

    @invariant()
    def no_limit_on_counts_can_be_exceeded(self) -> None:
        entries = [intent for intent, _, _ in self.live.values() if not intent.reduce_only]
        assert len(entries) <= LIMITS.open_orders
        for strategy in ("s1", "s2"):
            assert sum(each.strategy == strategy for each in entries) <= LIMITS.open_orders_per_strategy
            assert self.made[strategy] <= LIMITS.strategy_orders_per_day
        for token in PRICES:
            assert sum(each.token == token for each in entries) <= LIMITS.open_orders_per_instrument

    @rule(data=st.data(), quantity=st.integers(1, 70), price=st.integers(-20, 20))
    def modify(self, data: st.DataObject, quantity: int, price: int) -> None:
        """Its terms are changed at the broker, or the change is lost on its way: the larger of both counts."""
        tag = self.any_tag(data)
        if tag is None:
            return
        intent, filled, booked = self.live[tag]
        record = self.records[tag]
        change = Change(quantity=quantity, price=PRICES[intent.token] + price * RUPEE)
        asked = ModifyIntent(
            f"m{self.book.seq}", intent.strategy, tag, change, PRICES[intent.token], NOW + SECOND, NOW, NOW
        )
        listed = next(each for each in (INFY, SBIN) if each.token == intent.token)
        facts = some_facts(instrument=listed, price=PRICES[intent.token], available_cash=FUNDS)
        verdict = check_change(asked, record, self.book, LIMITS, facts)
        if isinstance(verdict, Denied) or quantity <= filled:
            return
        self.changed = True
        self.book.enlarge(tag, quantity, verdict.approval.margin)
        if data.draw(st.booleans()):
            return  # lost: it stays as it was, and we do not know
        self.live[tag] = replace(intent, quantity=quantity), filled, booked

    @invariant()
    def exits_alone_never_turn_a_position(self) -> None:
        for (strategy, token), position in self.truth.items():
            mine = [(i, f) for i, f, _ in self.live.values() if (i.strategy, i.token) == (strategy, token)]
            if mine and all(i.reduce_only for i, _ in mine):
                pending = sum(i.side.sign * (i.quantity - f) for i, f in mine)
                assert position * (position + pending) >= 0


TestMarket = Market.TestCase
TestMarket.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
