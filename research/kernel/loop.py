"""The compiled loop over one instrument: what `research.event_engine` does, in the same order, on numbers alone.

It is the same for every rule, and compiled once: the rule is asked by its address (`research.kernel.asking`). This file
is read by `research.kernel.build`, which puts numba's functions in place of those of `slots`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.strategy.exits import better, stop_level, target_level, trail_level
from domain.values import RUPEE, SECOND
from research.fills import worse_price
from research.kernel.exits import exit_of
from research.kernel.layout import (
    ACCOUNT_AT,
    ACTS,
    BARS,
    BEST,
    CARRIED,
    CLOSES,
    CLOSES_AT,
    CLOSING,
    CLOSING_ORDER,
    CUTOFF_AT,
    DAY_BEGINS,
    DAY_CLOSES,
    DAY_COUNT,
    DAY_CUTOFF,
    DAY_EVEN,
    DAY_OPENS,
    DAY_PEAK,
    DAY_ROOM,
    DAY_TARIFF,
    DAY_WORDS,
    DAYS_AT,
    DECIDED,
    ENTRY,
    ENTRY_PRICE,
    EVEN_AT,
    EXIT,
    FILL_ROOM,
    FILL_WORDS,
    FILLS_AT,
    FIRST_AT,
    FLATTENING,
    FLOW,
    HALTED,
    HIGHS,
    LEAST,
    LOSS,
    LOT_UNITS_VALUE,
    LOTS_AT,
    LOTS_MAX,
    LOWS,
    MARK,
    NUMBER_AT,
    NUMBERS,
    OPENED_BAR,
    OPENING,
    OPENS,
    OPENS_AT,
    ORDER_ROOM,
    ORDER_WORDS,
    ORDERS_AT,
    OWED,
    OWN,
    PEAK,
    PENDING,
    PENDING_ORDER,
    PENDING_REDUCES,
    POSITION,
    RAISED,
    RATE_ROWS,
    RATES_AT,
    RATES_COUNT,
    RECENT_AT,
    RECENT_MAX,
    REFUSED_INSIDE,
    REVERSING,
    RULES_AT,
    RULES_COUNT,
    SEEN,
    SESSION_CLOSES,
    SESSION_OPENS,
    SETTLED,
    SIZE,
    SQUARE_OFF,
    SQUARE_OFF_AT,
    STARTS,
    STATUS,
    TARIFF_AT,
    TOP,
    UNDER_WAY,
    VOLUMES,
    WISH,
    WISH_STOP,
    WISH_TARGET,
    WISH_TRAIL,
    Market,
    Rules,
)
from research.kernel.money import book, close_day, flatten, open_day, settle_peaks, submit
from research.kernel.slots import ask, compiled, floats, inlined, ints, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

CANCELLED = 4
NEVER = 1 << 62


@compiled
def next_level(
    sign: int, current: int, turn: int, best: float, stop: float, target: float, trail: float, tick: int
) -> int:
    """The nearest level on the way from `current` to `turn`; 0 for none."""
    found = 0
    for which in range(3):
        level = 0
        if which == 0 and stop > 0:
            level = stop_level(sign, stop, tick)
        elif which == 1 and trail > 0 and best > 0:
            level = trail_level(sign, best, trail, tick)
        elif which == 2 and target > 0:
            level = target_level(sign, target, tick)
        if (current < level <= turn or turn <= level < current) and (
            found == 0 or abs(level - current) < abs(found - current)
        ):
            found = level
    return found


@compiled
def walk(
    sign: int,
    opened: int,
    high: int,
    low: int,
    close: int,
    best: float,
    stop: float,
    target: float,
    trail: float,
    tick: int,
    pessimistic: bool,
) -> tuple[int, int, int, float]:
    """Through the bar: (why the position is left or -1, the price, the end of that stretch, the best price)."""
    if pessimistic:
        good = max(high - tick, opened) if sign > 0 else min(low + tick, opened)
    else:
        good = high if sign > 0 else low
    bad = low if sign > 0 else high
    best = better(sign, opened / RUPEE, best)
    why = exit_of(sign, opened / RUPEE, best, stop, target, trail)
    if why >= 0:
        return why, opened, opened, best
    current = opened
    for turn in (bad, good, close):
        while True:
            level = next_level(sign, current, turn, best, stop, target, trail, tick)
            if level == 0:
                break
            current = level
            best = better(sign, current / RUPEE, best)
            why = exit_of(sign, current / RUPEE, best, stop, target, trail)
            if why >= 0:
                return why, current, turn, best
        if current != turn:
            current = turn
            best = better(sign, current / RUPEE, best)
            why = exit_of(sign, current / RUPEE, best, stop, target, trail)
            if why >= 0:
                return why, current, turn, best
    return -1, 0, 0, best


@inlined
def fill(
    account: Ints,
    lots: Ints,
    fills: Ints,
    orders: Ints,
    rules: Rules,
    rates: Ints,
    which: int,
    base: int,
    time: int,
    bar: int,
) -> None:
    """Fill what rests in a place (PENDING or CLOSING) at this price, whole."""
    signed = account[which]
    account[which] = 0
    if account[POSITION] == 0:
        account[OPENED_BAR] = bar
    order = account[PENDING_ORDER] if which == PENDING else account[CLOSING_ORDER]
    price = worse_price(1 if signed > 0 else -1, base, rules.parts, rules.ticks, rules.tick)
    book(account, lots, fills, orders, rules, rates, order, time, signed, price)


@inlined
def wish(account: Ints, recent: Ints, orders: Ints, rules: Rules, now: int, wanted: int, reference: int) -> None:
    """The next order on the way from what is held to what is wanted."""
    held = account[POSITION]
    if account[PENDING] != 0 or account[CLOSING] != 0 or wanted == held:
        return
    reduces, reason = 0, ENTRY
    if held != 0 and (wanted == 0 or (wanted > 0) != (held > 0)):
        account[REVERSING] = 1 if wanted != 0 else 0
        signed, reduces, reason = -held, 1, EXIT
    elif abs(wanted) < abs(held):
        signed, reduces, reason = wanted - held, 1, EXIT
    else:
        signed = wanted - held
    number = submit(account, recent, orders, rules, now, signed, reduces, reason, reference)
    if number >= 0:
        account[PENDING] = signed
        account[PENDING_ORDER] = number
        account[PENDING_REDUCES] = reduces


@inlined
def act(
    account: Ints,
    recent: Ints,
    orders: Ints,
    rules: Rules,
    now: int,
    wanted: int,
    price: int,
    day_peak: int,
    peak: int,
) -> bool:
    """A decision for another position, at the end of a bar. Whether an order rests then."""
    account[MARK] = price
    account[DAY_PEAK] = day_peak
    account[PEAK] = peak
    account[REVERSING] = 0
    wish(account, recent, orders, rules, now, wanted, price)
    return bool(account[PENDING] != 0 or account[CLOSING] != 0)


@compiled
def leave(account: Ints, recent: Ints, orders: Ints, rules: Rules, now: int, reason: int) -> None:
    """An exit of the whole position."""
    account[REVERSING] = 0
    number = submit(account, recent, orders, rules, now, -account[POSITION], 1, reason, 0)
    if number >= 0:
        account[PENDING] = -account[POSITION]
        account[PENDING_ORDER] = number
        account[PENDING_REDUCES] = 1


@compiled
def guard(account: Ints, recent: Ints, orders: Ints, rules: Rules, now: int) -> None:
    """The day's loss limit, and what is still to be closed."""
    result = settle_peaks(account, rules)
    if not account[HALTED] and -result >= rules.daily_loss:
        account[HALTED] = 1
        account[FLATTENING] = 1
        flatten(account, recent, orders, rules, now, LOSS)
    elif account[FLATTENING]:
        flatten(account, recent, orders, rules, now, SQUARE_OFF)


@inlined
def opening(
    account: Ints,
    lots: Ints,
    recent: Ints,
    orders: Ints,
    fills: Ints,
    rules: Rules,
    rates: Ints,
    price: int,
    now: int,
    bar: int,
    may_decide: bool,
    decided_at: int,
    wanted: int,
    reference: int,
) -> bool:
    """What rests meets the open; a change of sides takes its second step. Whether the position was flat meanwhile."""
    flat = False
    if account[PENDING] != 0:
        fill(account, lots, fills, orders, rules, rates, PENDING, price, now, bar)
        if account[POSITION] == 0:
            flat = True
            if account[REVERSING] and may_decide and account[CLOSING] == 0:
                account[REVERSING] = 0
                if now - decided_at <= rules.valid:
                    wish(account, recent, orders, rules, now, wanted, reference)
                    if account[PENDING] != 0:
                        fill(account, lots, fills, orders, rules, rates, PENDING, price, now, bar)
    if account[CLOSING] != 0:
        fill(account, lots, fills, orders, rules, rates, CLOSING, price, now, bar)
        flat = flat or account[POSITION] == 0
    return flat


@compiled
def ending(
    account: Ints,
    lots: Ints,
    recent: Ints,
    orders: Ints,
    fills: Ints,
    rules: Rules,
    rates: Ints,
    price: int,
    end: int,
    bar: int,
    square_off: int,
    stopped: bool,
) -> None:
    """The day is over: orders lapse, and what MIS has left is closed at the last price."""
    if rules.mis and not stopped and square_off < NEVER:
        account[FLATTENING] = 1
        flatten(account, recent, orders, rules, square_off, SQUARE_OFF)
    if rules.mis:
        if account[PENDING] != 0 and account[PENDING_REDUCES]:
            fill(account, lots, fills, orders, rules, rates, PENDING, price, end, bar)
        if account[CLOSING] != 0:
            fill(account, lots, fills, orders, rules, rates, CLOSING, price, end, bar)
    if account[PENDING] != 0:
        orders[account[PENDING_ORDER], 5] = CANCELLED
        account[PENDING] = 0
    if account[CLOSING] != 0:
        orders[account[CLOSING_ORDER], 5] = CANCELLED
        account[CLOSING] = 0
    if rules.mis and account[POSITION] != 0:
        flatten(account, recent, orders, rules, account[DAY_CLOSES] - SECOND, SQUARE_OFF)
        if account[CLOSING] != 0:
            fill(account, lots, fills, orders, rules, rates, CLOSING, price, end, bar)


@compiled
def run(  # noqa: C901, PLR0912, PLR0915 - one pass over time: its parts are above, its order is the point
    address: int,
    sheet: Ints,
    levels: Floats,
    market: Market,
    rules: Rules,
    rates: Ints,
    account: Ints,
    lots: Ints,
    recent: Ints,
    orders: Ints,
    fills: Ints,
    days: Ints,
) -> None:
    """All bars, in order. Everything is in the arrays afterwards; account[STATUS] says whether it may be used.

    What a bar needs on a quiet day is in local variables: the compiler cannot know that arrays do not overlap.

    address  of the sheet, for the rule
    levels   the same words as the sheet, where they are prices
    """
    starts, opens, highs, lows, closes = market.start, market.open, market.high, market.low, market.close
    interval, sessions, inside, warm_up = rules.interval, rules.sessions != 0, rules.inside, rules.warm_up
    decide_from, has_state, tick, unit = rules.decide_from, rules.has_state != 0, rules.tick, rules.multiplier
    daily_loss = rules.daily_loss
    # Of most runs a position has always the same size.
    sheet[SIZE] = -1
    if rules.fixed_quantity > 0 and rules.capital == 0:
        sheet[SIZE] = rules.fixed_quantity // rules.lot * rules.lot
    sheet[UNDER_WAY] = 0
    sheet[LEAST] = -rules.daily_loss
    # What the rule said last, and the best price since: they stand where the rule sees them.
    levels[ENTRY_PRICE] = levels[WISH_STOP] = levels[WISH_TARGET] = levels[WISH_TRAIL] = levels[BEST] = 0.0
    wanted = 0
    decided_at, reference = 0, 0
    held = 0
    decided = 0
    resting = False
    for day in range(len(market.number)):
        open_day(account, rules)
        account[DAY_OPENS], account[DAY_CLOSES] = market.opens[day], market.closes[day]
        account[DAY_CUTOFF], account[DAY_TARIFF] = market.cutoff[day], market.tariff[day]
        day_opens, day_closes = market.opens[day], market.closes[day]
        square_off = market.square_off[day]
        stopped = False
        first, after = market.first[day], market.first[day + 1]
        # The day's result is `settled` and the position at its price; of both, the highest so far.
        settled = -account[CARRIED]
        sheet[SETTLED] = settled
        day_peak = 0
        highest = account[PEAK] - account[OPENING] - account[CARRIED]
        watching = True
        # Bars before that one end before the square-off.
        calm = after
        if starts[after - 1] + interval >= square_off:
            calm = first
            while starts[calm] + interval < square_off:
                calm += 1
        # Where bars follow each other without a gap, their times need not be read.
        even, begins = market.even[day] != 0, starts[first] - first * interval
        within = not sessions or (calm > first and starts[calm - 1] + interval <= day_closes)
        sheet[DAY_BEGINS], sheet[DAY_EVEN] = begins, even
        sheet[SESSION_OPENS], sheet[SESSION_CLOSES] = day_opens, day_closes
        i = first - 1
        # The bar that the rule's part has given back: it is not asked about a second time.
        given_back = -1
        while i + 1 < after:
            i += 1
            now = begins + i * interval if even else starts[i]
            end = now + interval
            stop, target, trail = levels[WISH_STOP], levels[WISH_TARGET], levels[WISH_TRAIL]
            watched = stop > 0 or target > 0 or trail > 0
            upto = i + 1
            live = True
            # -- bars on which nothing happens: no order, no level reached, no news but the price
            if (
                i > warm_up
                and i < calm
                and i != given_back
                and not resting
                and (held != 0 or not watching)
                and not account[FLATTENING]
                and end >= decide_from
                and within
                and (not sessions or day_opens <= end)
            ):
                upto = calm
                sheet[SEEN] = 0
            else:
                if now >= square_off and not stopped:
                    stopped = True
                    account[FLATTENING] = 1
                    flatten(account, recent, orders, rules, square_off, SQUARE_OFF)
                    resting = account[PENDING] != 0 or account[CLOSING] != 0
                price = opens[i]
                stirred = False
                # -- the bar opens
                if resting:
                    account[MARK] = price
                    account[DAY_PEAK] = day_peak
                    account[PEAK] = highest + account[OPENING] + account[CARRIED]
                    may_decide = not stopped and now >= decide_from
                    if opening(
                        account,
                        lots,
                        recent,
                        orders,
                        fills,
                        rules,
                        rates,
                        price,
                        now,
                        i,
                        may_decide,
                        decided_at,
                        wanted,
                        reference,
                    ):
                        levels[BEST] = 0.0
                    stirred = True
                    held = account[POSITION]
                # -- inside it
                if held != 0 and inside != 0 and not stopped and watched:
                    sign = 1 if held > 0 else -1
                    why, at, turn, best = walk(
                        sign, price, highs[i], lows[i], closes[i], levels[BEST], stop, target, trail, tick, inside == 2
                    )
                    levels[BEST] = best
                    if why >= 0:
                        account[MARK] = at
                        leave(account, recent, orders, rules, now, why)
                        if account[PENDING] == 0:
                            # It is tried again at every price of the bar that is left: the event engine does that.
                            account[STATUS] = REFUSED_INSIDE
                            return
                        worst = at
                        if inside == 2:
                            worst = min(at, turn) if sign > 0 else max(at, turn)
                        fill(account, lots, fills, orders, rules, rates, PENDING, worst, now, i)
                        levels[BEST] = 0.0
                        held = 0
                        stirred = True
                # -- it closes
                price = closes[i]
                if end >= square_off and not stopped:
                    stopped = True
                    account[FLATTENING] = 1
                    flatten(account, recent, orders, rules, square_off, SQUARE_OFF)
                    if square_off < end and account[CLOSING] != 0:
                        account[MARK] = price
                        fill(account, lots, fills, orders, rules, rates, CLOSING, price, end, i)
                        levels[BEST] = 0.0
                        held = 0
                    stirred = True
                if stirred:
                    settled = account[FLOW] - account[OWED] - account[CARRIED]
                    sheet[SETTLED] = settled
                    watching = True
                    levels[ENTRY_PRICE] = account[LOT_UNITS_VALUE] / held / RUPEE if held != 0 else 0.0
                    resting = account[PENDING] != 0 or account[CLOSING] != 0
                if held != 0:
                    watching = True
                    if inside == 0 and not stopped and watched and not resting:
                        sign = 1 if held > 0 else -1
                        best = better(sign, price / RUPEE, levels[BEST])
                        levels[BEST] = best
                        why = exit_of(sign, price / RUPEE, best, stop, target, trail)
                        if why >= 0:
                            account[MARK] = price
                            leave(account, recent, orders, rules, end, why)
                            resting = True
                if watching:
                    watching = False
                    result = settled + held * price * unit
                    day_peak = max(day_peak, result)
                    highest = max(highest, result)
                    if -result >= daily_loss or account[FLATTENING]:
                        account[MARK] = price
                        account[DAY_PEAK] = day_peak
                        account[PEAK] = highest + account[OPENING] + account[CARRIED]
                        guard(account, recent, orders, rules, end)
                        resting = account[PENDING] != 0 or account[CLOSING] != 0
                # -- whether there is a decision
                if i < warm_up:
                    continue
                live = not stopped and end >= decide_from
                if live:
                    decided += 1
                if not (live or has_state):
                    continue
                if sessions and not day_opens <= end <= day_closes:
                    continue
                if live and resting:
                    sheet[UNDER_WAY] = account[PENDING] + account[CLOSING]
                elif live and i + 1 < calm and within and not account[FLATTENING]:
                    # The quiet bars behind it in the same breath.
                    upto = calm
                sheet[SEEN] = 1
            # -- the decision, of this bar and of the quiet ones behind it
            asked = ask(address, i, upto, held)
            sheet[UNDER_WAY] = 0
            if asked < 0:
                account[STATUS] = RAISED
                return
            if not live:
                levels[WISH_STOP], levels[WISH_TARGET], levels[WISH_TRAIL] = stop, target, trail
                continue
            acts = sheet[ACTS] != 0
            quiet = asked - i
            if asked < upto and not acts:
                given_back = asked
            if quiet > 0:
                watching = False
                if held != 0:
                    day_peak = max(day_peak, sheet[TOP])
                    highest = max(highest, sheet[TOP])
            if quiet > 0 or acts:
                wanted = sheet[WISH]
                decided += quiet + (1 if acts else 0) - sheet[SEEN]
                if acts:
                    watching = False
                    price = closes[asked]
                    decided_at = (begins + asked * interval if even else starts[asked]) + interval
                    reference = price
                    if held != 0:
                        result = settled + held * unit * price
                        day_peak = max(day_peak, result)
                        highest = max(highest, result)
                    peak = highest + account[OPENING] + account[CARRIED]
                    resting = act(account, recent, orders, rules, decided_at, wanted, price, day_peak, peak)
                    if account[STATUS] != 0:
                        return
                elif resting:
                    decided_at, reference = end, closes[i]
                    account[REVERSING] = 0
            i = asked if acts else max(asked - 1, i - 1 + sheet[SEEN])
        # -- the day ends
        last = after - 1
        account[MARK] = closes[last]
        account[PEAK] = highest + account[OPENING] + account[CARRIED]
        if sessions:
            end = starts[last] + interval
            ending(account, lots, recent, orders, fills, rules, rates, closes[last], end, last, square_off, stopped)
            held = account[POSITION]
            resting = False
            if held == 0:
                levels[BEST] = 0.0
        levels[ENTRY_PRICE] = account[LOT_UNITS_VALUE] / held / RUPEE if held != 0 else 0.0
        close_day(account, days, rules, market.number[day])
        if account[STATUS] != 0:
            return
    account[DECIDED] = decided


@compiled
def whole(address: int) -> int:
    """The run that the sheet at this address describes. account[STATUS] says how it ended."""
    sheet, levels = ints(address, OWN), floats(address, OWN)
    bars, days = sheet[BARS], sheet[DAY_COUNT]
    market = Market(
        ints(sheet[STARTS], bars),
        ints(sheet[OPENS], bars),
        ints(sheet[HIGHS], bars),
        ints(sheet[LOWS], bars),
        ints(sheet[CLOSES], bars),
        ints(sheet[VOLUMES], bars),
        ints(sheet[NUMBER_AT], days),
        ints(sheet[FIRST_AT], days + 1),
        ints(sheet[OPENS_AT], days),
        ints(sheet[CLOSES_AT], days),
        ints(sheet[CUTOFF_AT], days),
        ints(sheet[SQUARE_OFF_AT], days),
        ints(sheet[TARIFF_AT], days),
        ints(sheet[EVEN_AT], days),
    )
    account = ints(sheet[ACCOUNT_AT], NUMBERS)
    run(
        address,
        sheet,
        levels,
        market,
        ints(sheet[RULES_AT], RULES_COUNT),
        table(sheet[RATES_AT], sheet[RATE_ROWS], RATES_COUNT),
        account,
        table(sheet[LOTS_AT], 2, LOTS_MAX),
        ints(sheet[RECENT_AT], RECENT_MAX),
        table(sheet[ORDERS_AT], sheet[ORDER_ROOM], ORDER_WORDS),
        table(sheet[FILLS_AT], sheet[FILL_ROOM], FILL_WORDS),
        table(sheet[DAYS_AT], sheet[DAY_ROOM], DAY_WORDS),
    )
    return int(account[STATUS])
