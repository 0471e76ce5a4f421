"""After the storm: does everything come back, go flat, and agree with the exchange?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from actors.portfolio import Portfolio
from actors.risk import RiskGate
from actors.routes import PORTFOLIO, RISK, strategy_name
from actors.runtime import RuntimeFault, TreeNode
from actors.strategy import StrategyActor
from app.chaos.guarding import Guarding, check_execution, unended
from app.chaos.verdict import (
    check_books,
    check_differences,
    check_gtts,
    check_orders,
    check_risk,
    check_trades,
    unresolved_lines,
)
from app.wiring import STRATEGY_SUPERVISOR
from domain.messages.control import JobDue, JobKind, PortfolioSnapshot, Report, TradingState
from domain.messages.gtt import GttState, GttStatus
from domain.messages.journal import OrderState, TradeBooked
from domain.orders.transitions import strategy_of
from domain.risk.state import why_not_resume
from domain.values import SECOND, SessionClass

if TYPE_CHECKING:
    from app.chaos.process import Process
    from app.chaos.world import World

COMES_BACK_SECONDS: Final = 260.0
"""After the last fault. The longest hang, and the patience with an answer that died with its worker, fit into it."""

GOES_FLAT_SECONDS: Final = 120.0
PRICE_AGE_SECONDS: Final = 5.0
ORDER_AGE_SECONDS: Final = 45.0
STOP_SECONDS: Final = 5.0

See = Callable[["Process"], str]
"""Asked on a strand of the process: what is missing yet, or nothing."""


class Recovery:
    """Begins with the calm."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._missing = ""

    def begin(self) -> None:
        """Wait for everything to come back, watch what is guarded, then square off, then judge."""
        self._until(self._not_trading, COMES_BACK_SECONDS, 2.0, self._watch_guarded, "comes back")

    def _watch_guarded(self, process: Process) -> None:
        if not self._world.plan.managed:
            self._square_off(process)
            return
        guarding = Guarding(self._world)

        def see(of: Process) -> str:
            guarding.look(of.ports.journal)
            return "" if guarding.watched else "what is guarded is watched for a while"

        self._until(see, COMES_BACK_SECONDS, 1.0, self._square_off, "comes back")

    def watch(self, every: float, then: Callable[[Process], None]) -> None:
        """Look every so many virtual seconds, until all is up, prices flow and what can be known of orders is."""
        self._until(self._not_up, COMES_BACK_SECONDS, every, then, "comes back")

    # -- waiting -----------------------------------------------------------------------------------------------------

    def _until(self, see: See, bound: float, every: float, then: Callable[[Process], None], rule: str) -> None:
        """Look every so often, on a strand of the process, until nothing is missing; then go on."""
        world = self._world
        deadline = world.kernel.now + int(bound * SECOND)
        done: list[bool] = []

        def look(process: Process) -> None:
            self._missing = see(process)
            if not self._missing and not done:
                done.append(True)
                then(process)

        def again() -> None:
            if done:
                return
            if world.kernel.now > deadline:
                world.checker.broken(rule, f"not after {bound:g} s: {self._missing}")
                world.kernel.stop()
                return
            process = world.process
            if process.runtime.dead or not process.up:
                self._missing = "no process is up"
            else:
                process.do("probe", lambda: look(process))
            world.kernel.after(every, again)

        world.kernel.after(every, again)

    # -- what may be missing -----------------------------------------------------------------------------------------

    def _not_back(self, process: Process) -> str:
        travelling = self._world.checker.on_the_way
        return self._not_up(process) or (f"on its way: {', '.join(travelling)}" if travelling else "")

    def _not_up(self, process: Process) -> str:
        world = self._world
        down = self._down(process)
        if down:
            return f"down: {', '.join(down)}"
        risk = process.actors[RISK]
        assert isinstance(risk, RiskGate)
        now = risk._standing.effective  # noqa: SLF001 - a look inside that changes nothing
        state = now.state
        if state is not TradingState.ACTIVE and why_not_resume(now) is None:
            world.set_state(TradingState.ACTIVE)  # a person resumes whatever a person may
        if state is not TradingState.ACTIVE:
            return f"trading is {state.value}"
        for each in world.cast.instruments.values():
            age = (world.kernel.now - world.prices_at.get(each.token, 0)) / SECOND
            if age > PRICE_AGE_SECONDS:
                return f"the price of {each.symbol} is {age:.1f} s old"
        return self._unsettled(process)

    def _not_trading(self, process: Process) -> str:
        return self._not_back(process) or self._idle(process)

    def _down(self, process: Process) -> list[str]:
        def walk(node: TreeNode) -> Iterable[str]:
            if node.id.removeprefix(STRATEGY_SUPERVISOR) in process.gave_up:
                return
            if node.state != "up":
                yield f"{node.id} ({node.state})"
            for child in node.children:
                yield from walk(child)

        return list(walk(process.system.tree()))

    def _unsettled(self, process: Process) -> str:
        """Orders of which more should be known by now."""
        world = self._world
        arrived = {order.tag for order in world.exchange.orders}
        now = world.clock.now_ns()
        for record in process.ports.journal.open_records():
            if record.state is OrderState.QUARANTINED and record.tag in arrived:
                return f"{record.tag} is at the exchange and not found"
            old = now - record.updated > ORDER_AGE_SECONDS * SECOND * world.plan.rate
            if record.state is not OrderState.QUARANTINED and old:
                return f"{record.tag} is {record.state.name} for too long"
        gtts = process.ports.journal.gtts()
        known = {record.trigger_id for record in gtts}
        if any(row.trigger_id not in known for row in world.exchange.triggers.rows()):
            return "a GTT is at the exchange and not found"
        return next((f"GTT {each.tag} is being sent" for each in gtts if each.state is GttState.SENDING), "")

    def _idle(self, process: Process) -> str:
        """Whether trading goes on: an order since the calm began, unless every line has a reason not to."""
        world = self._world
        if (
            not world.owes_orders
            or world.checker.accepted_since_calm
            or world.squared_off
            or world.plan.square_off_early
        ):
            return ""
        blocked = unresolved_lines(process.ports.journal)
        for strategy in world.cast.strategies:
            if strategy.id in process.gave_up:
                continue
            for each in strategy.instruments:
                # What one strategy holds unresolved may be opposed, or crowd, what others want there.
                if not any(token == each.token for _, token in blocked):
                    return "no order since the calm began"
        return ""

    def _not_flat(self, process: Process) -> str:
        world = self._world
        waiting = unresolved_lines(process.ports.journal)
        for line, units in world.checker.positions().items():
            if units and line not in waiting:
                return f"{line} holds {units}"
        if world.checker.on_the_way:
            return f"on its way: {', '.join(world.checker.on_the_way)}"
        if any(row.status is GttStatus.ACTIVE for row in world.exchange.triggers.rows()) and world.plan.managed:
            return "a GTT still rests"
        return self._unsettled(process) or unended(process.ports.journal) or self._not_quiet(process)

    def _not_quiet(self, process: Process) -> str:
        """Everything told has been heard."""
        journal = process.ports.journal
        for record in journal.open_records():
            if record.state is not OrderState.QUARANTINED:
                return f"{record.tag} is {record.state.name}"
        booked = sum(isinstance(told.event, TradeBooked) for told in journal.read(0))
        if booked < len(self._world.exchange.trades):
            return f"{booked} trades are booked of {len(self._world.exchange.trades)}"
        last = {RISK: journal.last_seq(), PORTFOLIO: journal.last_seq()}
        for told in journal.read(0):
            last[strategy_name(strategy_of(told.event))] = told.seq  # each is told its own alone
        for name, actor in process.actors.items():
            if name.removeprefix("strategy.") in process.gave_up:
                continue
            if isinstance(actor, Portfolio | RiskGate | StrategyActor):
                read = actor._reader.last_seq  # noqa: SLF001 - as above
                if read < last.get(name, 0):
                    return f"{name} has read to {read} of {last[name]}"
        return ""

    # -- the end -----------------------------------------------------------------------------------------------------

    def _square_off(self, process: Process) -> None:
        if self._world.plan.managed:
            # No entries more; what is held for delivery no square-off closes: its time does.
            self._world.set_state(TradingState.REDUCING)
        self._world.square_off()
        self._until(self._not_flat, GOES_FLAT_SECONDS, 1.0, self._judge, "goes flat")

    def _judge(self, process: Process) -> None:
        world, journal = self._world, process.ports.journal
        world.trace.note("verdict")
        check_orders(world.checker, world.exchange, journal.records())
        check_gtts(world.checker, world.exchange, journal.gtts())
        check_trades(world.checker, world.exchange, journal.read(0))
        check_differences(world.checker, journal.read(0))
        check_execution(world, journal)
        try:
            snapshot = process.system.address(PORTFOLIO).ask(Report(), timeout=10.0)
        except RuntimeFault as error:
            world.checker.broken("verdict", f"the portfolio does not answer: {error}")
        else:
            assert isinstance(snapshot, PortfolioSnapshot)
            if world.exchange.trades:
                check_books(world.checker, world.exchange, snapshot)
        risk = process.actors[RISK]
        assert isinstance(risk, RiskGate)
        lines = [(each.id, share.token) for each in world.cast.strategies for share in each.instruments]
        check_risk(world.checker, risk._book, world.clock.now_ns(), lines)  # noqa: SLF001 - as above
        self._check_strategies(process)
        self._stop(process)

    def _check_strategies(self, process: Process) -> None:
        truth = self._world.checker.positions()
        for strategy in self._world.cast.strategies:
            actor = process.actors.get(strategy_name(strategy.id))
            if strategy.id in process.gave_up or not isinstance(actor, StrategyActor):
                continue
            stands = actor._runner.standing()  # noqa: SLF001 - as above
            for share in strategy.instruments:
                mine, true = stands.held.get(share.token, 0), truth.get((strategy.id, share.token), 0)
                if mine != true:
                    text = f"{strategy.id} believes to hold {mine} of {share.symbol}, the exchange has {true}"
                    self._world.checker.broken("strategy positions", text)

    def _stop(self, process: Process) -> None:
        world = self._world
        began = world.kernel.now
        process.scheduler.stop()
        process.system.stop(STOP_SECONDS)
        alive = [node.id for node in process.system.tree().walk() if node.state not in ("stopped", "gave_up")]
        if alive:
            world.checker.broken("stops", f"after a stop: {', '.join(alive)}")
        world.trace.note(f"stopped in {(world.kernel.now - began) / SECOND:.3f} s")
        world.kernel.stop()


def square_off_job(now: int) -> JobDue:
    """What the timetable tells at the square-off."""
    return JobDue(kind=JobKind.SQUARE_OFF, subject=SessionClass.EQUITY.value, due=now, fired=now)
