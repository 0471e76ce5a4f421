"""Guards one position: what is held, what rests for it and what the price does, in; what is to be asked for, out.

The guard wants a state and asks for the next step towards it. It remembers what it has asked for and not seen yet;
everything else is in the facts, which the journal rebuilds. So a guard that forgets everything (a crash) asks again
under the same ids, which the risk gate and the journal know, and nothing happens twice.

Two rules keep it from ever selling more than is held: units are asked for only beyond those that any open exit may
still fill, whoever made it; and an exit at the market waits until nothing that rests can fill any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.exits.actions import (
    Action,
    Cancelled,
    Change,
    Emergency,
    End,
    Facts,
    Keep,
    Leave,
    Part,
    PartKind,
    Protect,
    Protected,
    Unprotected,
    Withdraw,
)
from domain.exits.levels import STOP, TARGET, TIME, TRAIL, better, crossed, due, kept_best
from domain.exits.values import ExitPlan, ExitRule, Hold, TakenAway
from domain.values import E4, SECOND, Nanos, Product

ASIDE: Final[Nanos] = 3 * SECOND
"""So long (monotonic) a position stays without resting protection after somebody else has said that he closes it."""
TOUCHED: Final[Nanos] = 3 * SECOND
"""A change or a cancel that was asked for and is not seen yet is asked for again after this (monotonic)."""
DENIALS_MAX: Final = 3
"""A protection that our own gate has denied so often makes the position an emergency."""
RETRY_MAX: Final[Nanos] = 30 * SECOND


class _Asked(Struct, frozen=True):
    units: int
    protective: bool
    valid_until: Nanos


class _Raise(Struct, frozen=True):
    """More units that a part was asked to cover; not journaled yet while its `changes` are these."""

    units: int
    changes: int
    valid_until: Nanos


class Guard:
    """See the module. `look` may be called as often as one likes; it answers with what is to be done now."""

    def __init__(self, plan: ExitPlan, rule: ExitRule, intent_valid: Nanos, *, kept: bool = False) -> None:
        self.plan = plan
        self.leaving = ""
        self._rule = rule
        self._valid = intent_valid
        self._kept = kept
        self._keep_again: Nanos = 0
        self._best: E4 = plan.best
        self._asked: dict[int, _Asked] = {}
        self._touched: dict[str, Nanos] = {}
        self._raised: dict[str, _Raise] = {}
        self._changes_refused: dict[str, int] = {}
        self._aside_until: Nanos = 0
        self._denials = 0
        self._retry_at: Nanos = 0
        self._crossed_since: Nanos = 0
        self._bare_since: Nanos = 0
        self._bare_told = False
        self._last_refused = 0
        self._last_unsent = 0
        self._last_away = 0
        self._away_in_a_row = 0
        self._last_cancelled: int | None = None
        self._ended_at: Nanos = 0

    @property
    def gtt(self) -> bool:
        """Whether its protection at the broker is a GTT: the broker takes those for what is delivered or carried."""
        return self.plan.product is not Product.MIS

    # -- what it is told -----------------------------------------------------------------------------------------------

    def changed(self, plan: ExitPlan) -> None:
        """Other levels hold from here on."""
        if plan != self.plan:
            self.plan, self._kept, self._keep_again = plan, False, 0

    def journaled(self, plan: ExitPlan) -> None:
        """The journal has this plan."""
        if plan == self.plan:
            self._kept = True

    def seen(self, number: int) -> None:
        """An order that it asked for is journaled (or was refused before it could be): it is in the facts now."""
        self._asked.pop(number, None)

    def denied(self, number: int, mono: Nanos, *, counts: bool = True) -> None:
        """An order that it asked for was refused by ourselves.

        counts  False where the refusal says nothing against the protection (the market is closed, say)
        """
        asked = self._asked.pop(number, None)
        if asked is None:
            return
        self._denials += counts
        self._retry_at = mono + (min(RETRY_MAX, (SECOND // 4) << min(self._denials, 8)) if counts else 2 * SECOND)
        if counts and asked.protective and self._denials >= DENIALS_MAX:
            self.leaving = self.leaving or "protection was denied again and again"

    def change_denied(self, tag: str) -> None:
        """A change of a part was refused, by ourselves or by the broker: the next step is to take it away."""
        self._changes_refused[tag] = self._changes_refused.get(tag, 0) + 1
        self._raised.pop(tag, None)

    def again(self) -> None:
        """What kept orders from the broker is over (there is a session again): nothing waits any longer."""
        self._retry_at, self._away_in_a_row = 0, 0

    def stand_aside(self, mono: Nanos) -> None:
        """Somebody else closes the position."""
        self._aside_until = mono + ASIDE

    # -- what it wants -------------------------------------------------------------------------------------------------

    def look(self, facts: Facts, parked: int = 0) -> list[Action]:
        """The next steps. parked: units of exits that wait until what rests has made way for them."""
        self._forget(facts)
        self._price(facts.price)
        if facts.position * self.plan.sign <= 0:
            return self._flat(facts)
        need = abs(facts.position)
        actions = [*self._cancelled(facts), *self._keep(facts), *self._refused(facts), *self._gap(facts, need)]
        if not self.leaving:
            self.leaving = self._why_leave(facts)
        waiting = need if facts.mono < self._aside_until else min(parked, need)
        leaves = sum(part.left for part in facts.parts if part.kind is PartKind.LEAVE)
        free = need - facts.foreign - leaves - waiting - self._asked_units(protective=False)
        at_broker = self.plan.hold is Hold.BROKER and not self.leaving
        wanted = max(free, 0) if at_broker and self._has_levels else 0
        actions += self._shape(facts, wanted)
        if self.leaving:
            actions += [
                self._withdraw(tag, facts.mono, self.leaving)
                for tag in facts.entries
                if self._touched.get(tag, 0) <= facts.mono
            ]
        if self.leaving and free > 0 and not self._open(facts) and facts.mono >= self._retry_at:
            actions.append(self._leave(facts, free))
        return actions

    def yielded(self, facts: Facts, units: int) -> bool:
        """Whether an exit of so many units by somebody else may go: all that rests leaves room for it."""
        leaves = sum(part.left for part in facts.parts if part.kind is PartKind.LEAVE)
        taken = self._open(facts) + leaves + facts.foreign + self._asked_units(protective=False)
        return taken + units <= abs(facts.position) or not (self._open(facts))

    @property
    def _has_levels(self) -> bool:
        return not self.plan.released and bool(self.plan.stop or (self.gtt and self.plan.levels.target))

    def _flat(self, facts: Facts) -> list[Action]:
        """Nothing is held: whatever rests goes, and then the plan is over."""
        self.leaving = ""
        why = "the position is closed" if facts.position == 0 else "the position has turned"
        actions: list[Action] = [self._withdraw(part.tag, facts.mono, why) for part in self._idle(facts)]
        self._bare_since, self._bare_told = 0, False
        if not facts.parts and not self._asked and facts.mono >= self._ended_at:
            self._ended_at = facts.mono + TOUCHED
            actions.append(End(why))
        return actions

    def _why_leave(self, facts: Facts) -> str:
        at_broker = self.plan.hold is Hold.BROKER
        why = due(
            self.plan,
            facts.price,
            self._best,
            facts.now,
            stop=not (at_broker or self.plan.released),
            target=not ((at_broker and self.gtt) or self.plan.released),
        )
        fired = any(part.fired and part.kind is not PartKind.LEAVE for part in facts.parts)
        if why or not at_broker or self.plan.released or not (fired or crossed(self.plan, facts.price)):
            self._crossed_since = 0
            return why
        self._crossed_since = self._crossed_since or facts.mono
        if not self._open(facts):
            return STOP  # nothing rests that could do it
        late = facts.mono - self._crossed_since >= int(self._rule.patience_seconds * SECOND)
        return "the stop at the broker does not fill" if late else ""

    def _shape(self, facts: Facts, wanted: int) -> list[Action]:
        """Steps that make what rests cover so many units under the plan's trigger: never more."""
        resting = [part for part in facts.parts if part.kind is not PartKind.LEAVE]
        raised = sum(each.units for each in self._raised.values())
        covered = sum(part.left for part in resting) + raised + self._asked_units(protective=True)
        if covered > wanted:
            return self._take(facts, covered - wanted)
        idle = [part for part in self._idle(facts) if not (part.fired or part.unknown)]
        actions: list[Action] = []
        missing = wanted - covered
        for part in idle:
            if missing or not self._fits(part):
                if self._changes_refused.get(part.tag, 0) > 1:  # the first may be a race with a fill
                    actions.append(self._withdraw(part.tag, facts.mono, "it is made anew with other terms"))
                else:
                    self._touched[part.tag] = facts.mono + TOUCHED
                    self._raised[part.tag] = _Raise(missing, part.changes, facts.now + self._valid)
                    actions.append(Change(part, part.left + missing))
                missing = 0
        settled = all(part in idle or part.fired for part in resting) and not self._asked_units(protective=True)
        if missing and settled and not actions and facts.mono >= self._retry_at:
            if crossed(self.plan, facts.price):
                self.leaving = self.leaving or STOP
                return actions
            number = self._next(facts)
            self._asked[number] = _Asked(missing, True, facts.now + self._valid)
            actions.append(Protect(number, missing, self.gtt))
        return actions

    def _take(self, facts: Facts, too_many: int) -> list[Action]:
        """Make what rests smaller by so many units: whole parts away, one of them smaller."""
        actions: list[Action] = []
        for part in self._idle(facts):
            if too_many <= 0:
                break
            if part.left <= too_many or part.fired or part.unknown or self._changes_refused.get(part.tag):
                actions.append(self._withdraw(part.tag, facts.mono, self.leaving or "it makes way for another exit"))
            else:
                self._touched[part.tag] = facts.mono + TOUCHED
                actions.append(Change(part, part.left - too_many))
            too_many -= part.left
        return actions

    def _fits(self, part: Part) -> bool:
        target = self.plan.levels.target if self.gtt else 0
        return part.trigger == self.plan.stop and part.target == target

    def _leave(self, facts: Facts, units: int) -> Leave:
        number = self._next(facts)
        self._asked[number] = _Asked(units, False, facts.now + self._valid)
        return Leave(number, units, self.leaving)

    def _withdraw(self, tag: str, mono: Nanos, why: str) -> Withdraw:
        self._touched[tag] = mono + TOUCHED
        return Withdraw(tag, why)

    def _keep(self, facts: Facts) -> list[Action]:
        best = kept_best(self.plan, self._best) if self._best else 0
        if best != self.plan.best:
            self.changed(replace(self.plan, best=best))
        if self._kept or facts.mono < self._keep_again:
            return []
        self._keep_again = facts.mono + TOUCHED
        return [Keep(self.plan)]

    def _refused(self, facts: Facts) -> list[Action]:
        """The broker refused something: a protection makes it an emergency, an exit is tried again later."""
        if facts.unsent > self._last_unsent:
            self._last_unsent = facts.unsent
            self._retry_at = facts.mono + SECOND
        if facts.turned_away > self._last_away:
            self._last_away = facts.turned_away
            self._retry_at = facts.mono + min(RETRY_MAX, SECOND << min(self._away_in_a_row, 5))
            self._away_in_a_row += 1
        if facts.refused <= self._last_refused:
            return []
        self._last_refused = facts.refused
        self._retry_at = facts.mono + min(RETRY_MAX, (SECOND // 2) << min(facts.refused, 6))
        if self.leaving:
            return [Emergency(f"an exit was refused: {facts.refusal}")]
        self.leaving = "protection was refused"
        self._retry_at = 0
        return [Emergency(f"protection was refused: {facts.refusal}")]

    def _cancelled(self, facts: Facts) -> list[Action]:
        """Somebody else took the protection away: a slip, or a person's will."""
        before, self._last_cancelled = self._last_cancelled, facts.cancelled
        if not facts.cancelled or self.plan.released:
            return []
        times = 1 if self._rule.taken_away is TakenAway.RELEASE else 2
        if self._rule.taken_away is not TakenAway.PUT_BACK and facts.cancelled >= times:
            self.changed(replace(self.plan, released=True))
            return [Cancelled(released=True)]
        # What a former life has told is not told again.
        return [Cancelled(released=False)] if before is not None and facts.cancelled > before else []

    def _gap(self, facts: Facts, need: int) -> list[Action]:
        """How long units have been without protection, told once when it is too long, and noted when it is over."""
        bare = need - self._covered(facts, need)
        if bare <= 0:
            since, self._bare_since, self._bare_told = self._bare_since, 0, False
            self._denials = self._away_in_a_row = 0
            return [Protected(need, facts.mono - since)] if since else []
        self._bare_since = self._bare_since or facts.mono
        lasted = facts.mono - self._bare_since
        if self._bare_told or lasted < int(self._rule.gap_seconds * SECOND):
            return []
        self._bare_told = True
        return [Unprotected(bare, lasted)]

    def _covered(self, facts: Facts, need: int) -> int:
        if self.plan.hold is Hold.CLIENT or not self._has_levels:
            return 0 if facts.blind and self.plan.levels else need
        return facts.foreign + sum(part.left for part in facts.parts if part.rests or part.fired)

    # -- small things --------------------------------------------------------------------------------------------------

    def _price(self, price: E4) -> None:
        if price:
            self._best = better(self._best, price, long=self.plan.long)

    def _forget(self, facts: Facts) -> None:
        """What was asked for is over when it may no longer be sent, or is journaled."""
        self._asked = {
            number: asked
            for number, asked in self._asked.items()
            if number > facts.number and asked.valid_until > facts.now
        }
        open_tags = {*facts.entries, *(part.tag for part in facts.parts)}
        self._touched = {tag: until for tag, until in self._touched.items() if tag in open_tags}
        changes = {part.tag: part.changes for part in facts.parts}
        self._raised = {
            tag: each
            for tag, each in self._raised.items()
            if changes.get(tag) == each.changes and each.valid_until > facts.now
        }
        self._changes_refused = {tag: n for tag, n in self._changes_refused.items() if tag in open_tags}

    def _next(self, facts: Facts) -> int:
        return max([facts.number, *self._asked]) + 1

    def _asked_units(self, *, protective: bool) -> int:
        return sum(asked.units for asked in self._asked.values() if asked.protective is protective)

    def _open(self, facts: Facts) -> int:
        """Units that rest, or may come to rest: until there are none nobody leaves at the market."""
        resting = sum(part.left for part in facts.parts if part.kind is not PartKind.LEAVE)
        return resting + self._asked_units(protective=True)

    def _idle(self, facts: Facts) -> Sequence[Part]:
        """Resting parts that nothing is under way with."""
        return [
            part
            for part in facts.parts
            if part.kind is not PartKind.LEAVE
            and part.rests
            and not part.changing
            and self._touched.get(part.tag, 0) <= facts.mono
        ]


WATCHED: Final = (STOP, TRAIL, TARGET, TIME)
"""Why the guard leaves by itself; any other reason is an emergency."""
