"""Asking the rule, bar after bar, as long as nothing else has to be done: the part of the loop that is each rule's own.

This file is read by `research.kernel.build`, which puts numba's functions and the rule's own in place of those of
`slots`, and has numba compile it. A bar by itself is a stretch of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy import uint64

from domain.strategy.rule import Book, SessionNow
from domain.values import SECOND
from research.kernel.exits import may_leave
from research.kernel.layout import (
    ACCOUNT_AT,
    ACTS,
    BARS,
    BEST,
    CLOSES,
    DAY_BEGINS,
    DAY_EVEN,
    ENTRY_PRICE,
    HIGHS,
    LEAST,
    LOWS,
    NUMBERS,
    OPENED_BAR,
    OPENS,
    RULES_AT,
    RULES_COUNT,
    SEEN,
    SESSION_CLOSES,
    SESSION_OPENS,
    SETTLED,
    SIZE,
    STARTS,
    TOP,
    UNDER_WAY,
    VOLUMES,
    WISH,
    WISH_STOP,
    WISH_TARGET,
    WISH_TRAIL,
    Rules,
)
from research.kernel.slots import (
    AHEAD,
    READS_AGE,
    READS_SESSION,
    WORDS,
    compiled,
    decide,
    fetch,
    finite_at,
    floats,
    ints,
    keep_state,
    params_in,
    row_at,
    state_in,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DAY = 86_400 * SECOND
IST = 19_800 * SECOND
ENDS_KEPT = 4_096


@compiled
def size_of(rules: Rules, price: int) -> int:
    """`domain.strategy.sizing.size`."""
    if price <= 0:
        return 0
    units = rules.fixed_quantity if rules.fixed_quantity > 0 else rules.fixed_value // price
    if rules.capital > 0 and rules.capital // price < units:
        units = rules.capital // price
    return units // rules.lot * rules.lot


@compiled
def quiet(at: int, i: int, upto: int, held: int) -> int:  # noqa: C901, PLR0915 - one loop, as in `loop.run`
    """Ask about the bars of [i, upto) until something has to be done: the bar then, or `upto`.

    That is where a row is not finite, where the loss limit or a level is met, and where the rule wants another position
    than is held (ACTS). What it said last stands in the sheet.
    """
    sheet, levels = ints(at, WORDS), floats(at, WORDS)
    bars = sheet[BARS]
    starts, opens, highs = ints(sheet[STARTS], bars), ints(sheet[OPENS], bars), ints(sheet[HIGHS], bars)
    lows, closes, volumes = ints(sheet[LOWS], bars), ints(sheet[CLOSES], bars), ints(sheet[VOLUMES], bars)
    sheet[ACTS] = 0
    if i < 1 or not finite_at(i - 1):
        return i
    rules = ints(sheet[RULES_AT], RULES_COUNT)
    account = ints(sheet[ACCOUNT_AT], NUMBERS)
    state, params = state_in(sheet, levels), params_in(sheet, levels)
    interval, sessions, length = rules.interval, rules.sessions != 0, rules.interval // SECOND
    begins, even = sheet[DAY_BEGINS], sheet[DAY_EVEN] != 0
    day_opens, day_closes = sheet[SESSION_OPENS], sheet[SESSION_CLOSES]
    settled, lowest, under_way, size, entry = (
        sheet[SETTLED],
        sheet[LEAST],
        sheet[UNDER_WAY],
        sheet[SIZE],
        levels[ENTRY_PRICE],
    )
    worth, top = held * rules.multiplier, lowest
    bars_held = 0
    if READS_AGE and held != 0:
        bars_held = i - account[OPENED_BAR]
    session = SessionNow(0, 0, 0)
    stop, target, trail, best = levels[WISH_STOP], levels[WISH_TARGET], levels[WISH_TRAIL], levels[BEST]
    inside, tick, side = rules.inside, rules.tick, 1 if held > 0 else -1
    if not finite_at(i):
        return i
    lost = settled + worth * closes[uint64(i)] <= lowest
    if held != 0 and sheet[SEEN] == 0 and (lost or stop > 0 or target > 0 or trail > 0):
        return i
    begun = i
    acts = 0
    quantity, after = held, state
    while True:
        # An order is filled at the next bar's open, which nothing else has read so far.
        fetch(opens, i + AHEAD)
        price = closes[uint64(i)]
        if READS_SESSION:
            end = (begins + i * interval if even else starts[i]) + interval
            session_opens = day_opens if sessions else (end + IST) // DAY * DAY - IST
            session_closes = day_closes if sessions else session_opens + DAY
            since = (end - session_opens) // SECOND
            left = (session_closes - end) // SECOND
            session = SessionNow(-(-since // length), since // 60, left // 60)
        if READS_AGE and held != 0:
            bars_held += 1
        quantity, stop, target, trail, after = decide(
            row_at(i, opens, highs, lows, closes, volumes),
            row_at(i - 1, opens, highs, lows, closes, volumes),
            Book(
                held,
                under_way,
                size if size >= 0 else size_of(rules, price),
                entry,
                bars_held if bars_held < ENDS_KEPT else ENDS_KEPT,  # noqa: FURB136 - as in may_leave
            ),
            session,
            state,
            params,
        )
        state = after
        if quantity != held:
            acts = 1
            break
        result = settled + worth * price
        top = result if result > top else top  # noqa: FURB136 - as above
        i += 1
        # What happens to a bar before the rule is asked. A rule that sets no levels has none of it compiled.
        if i >= upto or (held != 0 and settled + worth * closes[uint64(i)] <= lowest) or not finite_at(i):
            break
        if held != 0 and (stop > 0 or target > 0 or trail > 0):
            met, after_bar = may_leave(
                side,
                inside,
                opens[uint64(i)],
                highs[uint64(i)],
                lows[uint64(i)],
                closes[uint64(i)],
                best,
                stop,
                target,
                trail,
                tick,
            )
            if met:
                break
            best = after_bar
    if acts != 0 or i > begun:
        sheet[ACTS], sheet[WISH], sheet[TOP] = acts, quantity, top
        levels[WISH_STOP], levels[WISH_TARGET], levels[WISH_TRAIL], levels[BEST] = stop, target, trail, best
        keep_state(sheet, levels, state)
    return i
