"""The account inside the compiled loop: fills, lots, charges, limits. Plain functions of numbers and arrays.

Every rule is one of `domain`: the charges of `domain.costs.note`, the lots of `domain.portfolio`, the checks of
`domain.risk.checks` in their order. The agreement of the two engines is what proves that they are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.costs.tables.shape import RATE_UNIT
from domain.values import MINUTE, PAISA, RUPEE, SECOND
from research.kernel.layout import (
    BOUGHT,
    BROKERAGE,
    CARRIED,
    CLOSING,
    CLOSING_ORDER,
    D_CONCENTRATION,
    D_COOL_DOWN,
    D_DAILY_LOSS,
    D_DAY_DRAWDOWN,
    D_DRAWDOWN,
    D_FREEZE_QUANTITY,
    D_GROSS,
    D_HALTED,
    D_LOT_SIZE,
    D_MARGIN,
    D_MIS_CUTOFF,
    D_NET,
    D_OPEN_IN_ALL,
    D_OPEN_IN_INSTRUMENT,
    D_OPEN_OF_STRATEGY,
    D_OWN_DAILY_LOSS,
    D_OWN_PER_DAY,
    D_OWN_PER_MINUTE,
    D_OWN_PER_SECOND,
    D_PER_DAY,
    D_PER_MINUTE,
    D_PER_SECOND,
    D_POSITION_QUANTITY,
    D_POSITION_VALUE,
    D_PRICE_BAND,
    D_PRODUCT,
    D_PROFIT_GIVEBACK,
    D_QUANTITY_PER_ORDER,
    D_SEGMENT,
    D_SESSION_CLOSED,
    D_STRATEGY,
    D_TRADES_PER_DAY,
    D_UNDERLYING,
    D_VALUE_PER_ORDER,
    DAY_CLOSES,
    DAY_CUTOFF,
    DAY_OPENS,
    DAY_ORDERS,
    DAY_PEAK,
    DAY_TARIFF,
    DAYS,
    EXCHANGE,
    FILLS,
    FLATTENING,
    FLOW,
    FROM_HOLDINGS,
    FULL,
    HALTED,
    IPFT,
    LAST_LOSS,
    LOSSES,
    LOT_COUNT,
    LOT_FIRST,
    LOT_UNITS_VALUE,
    LOTS_MAX,
    MARK,
    MONEY_MAX,
    OPENING,
    ORDERS,
    OWED,
    PEAK,
    PENDING,
    PENDING_ORDER,
    PENDING_REDUCES,
    POSITION,
    RECENT,
    RECENT_MAX,
    SEBI,
    SLICED,
    SOLD,
    STAMP,
    STATUS,
    SUM_MAX,
    TAX_BUY,
    TAX_SELL,
    TOO_LARGE,
    TOO_MANY_LOTS,
    TRADES,
    TRIP,
    TURNOVER_MAX,
    Rules,
)
from research.kernel.slots import compiled, inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

CANCELLED = 4
REJECTED = 3
DENIED = 2
FILLED = 1
OPEN = 0


@compiled
def rounded(amount: int, unit: int) -> int:
    """A component of the note: half up to its unit."""
    whole = RATE_UNIT * unit
    return (amount + whole // 2) // whole * unit


@compiled
def percent_rounded(amount: int, percent: int, unit: int) -> int:
    """The same for so many percent of an amount, in steps that stay within 64 bits."""
    high, low = amount // unit, amount % unit
    return (percent * high + (percent * low + RATE_UNIT * 100 * unit // 2) // unit) // (RATE_UNIT * 100) * unit


@compiled
def worth(account: Ints, rules: Rules) -> int:
    """Cash and position at the newest price."""
    value = account[POSITION] * account[MARK] * rules.multiplier
    total: int = account[OPENING] + account[FLOW] - account[OWED] + value
    return total


@compiled
def day_pnl(account: Ints, rules: Rules) -> int:
    """The day's result."""
    result: int = worth(account, rules) - account[OPENING] - account[CARRIED]
    return result


@inlined
def charge(account: Ints, rules: Rules, rates: Ints, signed: int, value: int) -> None:
    """One executed order on the day's note."""
    if rules.flat >= 0:
        account[OWED] += rules.flat
        return
    row = rates[account[DAY_TARIFF]]
    cap = row[7] * RATE_UNIT
    account[BROKERAGE] += cap if row[0] < 0 else min(row[0] * value, cap)
    account[EXCHANGE] += row[3] * value
    account[IPFT] += row[4] * value
    account[SEBI] += row[5] * value
    if signed > 0:
        account[STAMP] += row[6] * value
        account[TAX_BUY] += row[1] * value
        account[BOUGHT] += signed
    else:
        account[TAX_SELL] += row[2] * value
        account[SOLD] -= signed
        if rules.delivery and account[SOLD] > account[BOUGHT]:
            account[FROM_HOLDINGS] = 1
    base = account[BROKERAGE] + account[EXCHANGE] + account[SEBI]
    if base > SUM_MAX // 8 or max(account[TAX_BUY], account[TAX_SELL], account[STAMP]) > SUM_MAX:
        account[STATUS] = TOO_LARGE
        return
    account[OWED] = (
        rounded(account[BROKERAGE], PAISA)
        + rounded(account[TAX_BUY], RUPEE)
        + rounded(account[TAX_SELL], RUPEE)
        + rounded(account[EXCHANGE] + account[IPFT], PAISA)
        + rounded(account[SEBI], PAISA)
        + percent_rounded(base, row[8], PAISA)
        + rounded(account[STAMP], RUPEE)
        + row[9] * account[FROM_HOLDINGS]
    )


@inlined
def move_lots(account: Ints, lots: Ints, signed: int, price: int) -> None:
    """First in, first out."""
    left = signed
    while left != 0 and account[LOT_COUNT] > 0:
        first = account[LOT_FIRST]
        units = lots[0, first]
        if (units > 0) == (left > 0):
            break
        taken = min(abs(units), abs(left))
        way = 1 if left > 0 else -1
        lots[0, first] = units + way * taken
        account[LOT_UNITS_VALUE] += way * taken * lots[1, first]
        left -= way * taken
        if lots[0, first] == 0:
            account[LOT_FIRST] = (first + 1) % LOTS_MAX
            account[LOT_COUNT] -= 1
    if left != 0:
        if account[LOT_COUNT] == LOTS_MAX:
            account[STATUS] = TOO_MANY_LOTS
            return
        place = (account[LOT_FIRST] + account[LOT_COUNT]) % LOTS_MAX
        lots[0, place] = left
        lots[1, place] = price
        account[LOT_COUNT] += 1
        account[LOT_UNITS_VALUE] += left * price


@inlined
def book(
    account: Ints,
    lots: Ints,
    fills: Ints,
    orders: Ints,
    rules: Rules,
    rates: Ints,
    order: int,
    time: int,
    signed: int,
    price: int,
) -> None:
    """One order, filled whole."""
    value = abs(signed) * price * rules.multiplier
    if value > TURNOVER_MAX:
        account[STATUS] = TOO_LARGE
        return
    number = account[FILLS]
    if number == len(fills):
        account[STATUS] = FULL
        return
    fills[number, 0] = order
    fills[number, 1] = time
    fills[number, 2] = 0
    fills[number, 3] = signed
    fills[number, 4] = price
    account[FILLS] = number + 1
    orders[order, 5] = FILLED
    before = account[POSITION]
    if before == 0:
        account[TRIP] = 0
        account[TRADES] += 1
    cash = -signed * price * rules.multiplier
    account[POSITION] = before + signed
    account[FLOW] += cash
    account[TRIP] += cash
    move_lots(account, lots, signed, price)
    charge(account, rules, rates, signed, value)
    if account[POSITION] == 0:
        if account[TRIP] < 0:
            account[LOSSES] += 1
            account[LAST_LOSS] = time
        else:
            account[LOSSES] = 0


@compiled
def orders_since(account: Ints, recent: Ints, start: int) -> int:
    """Orders accepted after that instant."""
    count = 0
    last = account[RECENT]
    while count < min(last, RECENT_MAX) and recent[(last - 1 - count) % RECENT_MAX] > start:
        count += 1
    return count


@inlined
def denial(  # noqa: C901, PLR0912 - the list of checks in their order
    account: Ints, recent: Ints, rules: Rules, now: int, signed: int, reduces: int, reference: int
) -> int:
    """The first check that refuses the order, in the order of the checks; 0 for none."""
    units = abs(signed)
    price = account[MARK]
    if not reduces:
        if account[HALTED]:
            return D_HALTED
        if rules.never:
            return rules.never
        if signed < 0 and rules.never_short:
            return rules.never_short
    elif rules.never_exit:
        return rules.never_exit
    if rules.sessions and not account[DAY_OPENS] <= now < account[DAY_CLOSES]:
        return D_SESSION_CLOSED
    if not reduces and rules.mis and now >= account[DAY_CUTOFF]:
        return D_MIS_CUTOFF
    if rules.lot != 1 and units % rules.lot:
        return D_LOT_SIZE
    if rules.freeze and units > rules.freeze:
        return D_FREEZE_QUANTITY
    if reduces:
        return 0
    if reference and abs(reference - price) * 100 * rules.band_bottom > rules.band_top * price:
        return D_PRICE_BAND
    if units > rules.quantity_per_order:
        return D_QUANTITY_PER_ORDER
    value = units * price * rules.multiplier
    if value > MONEY_MAX:
        account[STATUS] = TOO_LARGE
        return 0
    if value > rules.value_per_order:
        return D_VALUE_PER_ORDER
    in_second = orders_since(account, recent, now - SECOND) + 1
    in_minute = orders_since(account, recent, now - MINUTE) + 1
    in_day = account[DAY_ORDERS] + 1
    if in_second > rules.own_per_second:
        return D_OWN_PER_SECOND
    if in_minute > rules.own_per_minute:
        return D_OWN_PER_MINUTE
    if in_day > rules.own_per_day:
        return D_OWN_PER_DAY
    if in_second > rules.per_second:
        return D_PER_SECOND
    if in_minute > rules.per_minute:
        return D_PER_MINUTE
    if in_day > rules.per_day:
        return D_PER_DAY
    if rules.open_in_instrument < 1:
        return D_OPEN_IN_INSTRUMENT
    if rules.open_of_strategy < 1:
        return D_OPEN_OF_STRATEGY
    if rules.open_in_all < 1:
        return D_OPEN_IN_ALL
    return exposure_denial(account, rules, now, signed, price, value)


@inlined
def exposure_denial(  # noqa: C901, PLR0912 - as above
    account: Ints, rules: Rules, now: int, signed: int, price: int, value: int
) -> int:
    """The checks of size, margin and loss."""
    position = account[POSITION]
    high = position + max(signed, 0)
    low = position + min(signed, 0)
    worst = max(abs(high), abs(low))
    unit = price * rules.multiplier
    exposed = worst * unit
    funds = worth(account, rules)
    if exposed > MONEY_MAX or abs(funds) > MONEY_MAX:
        account[STATUS] = TOO_LARGE
        return 0
    if worst > rules.position_quantity:
        return D_POSITION_QUANTITY
    if exposed > rules.position_value:
        return D_POSITION_VALUE
    if exposed > rules.underlying:
        return D_UNDERLYING
    if exposed > rules.strategy:
        return D_STRATEGY
    if exposed > rules.product:
        return D_PRODUCT
    if exposed > rules.segment:
        return D_SEGMENT
    if (high if signed > 0 else -low) * unit > rules.net:
        return D_NET
    if exposed > rules.gross:
        return D_GROSS
    if exposed * 100 * rules.concentration_bottom > rules.concentration_top * max(funds, 0):
        return D_CONCENTRATION
    free = funds * (100 * rules.buffer_bottom - rules.buffer_top)
    used = -(-abs(position) * unit * rules.margin_percent // 100)
    need = used - (-value * rules.margin_percent // 100)
    # More than the whole rupees (rounded towards zero) that are usable, said without a division, which is slow.
    if need > MONEY_MAX or (need - (free < 0)) * 100 * rules.buffer_bottom + (free < 0) > free:
        return D_MARGIN
    if position == 0 and account[TRADES] + 1 > rules.trades_per_day:
        return D_TRADES_PER_DAY
    if account[LOSSES] >= rules.losses_in_a_row and now < account[LAST_LOSS] + rules.cool_down:
        return D_COOL_DOWN
    return loss_denial(account, rules, funds)


@compiled
def loss_denial(account: Ints, rules: Rules, funds: int) -> int:
    """The checks of what was lost."""
    result = funds - account[OPENING] - account[CARRIED]
    if -result >= rules.own_daily_loss:
        return D_OWN_DAILY_LOSS
    if -result >= rules.daily_loss:
        return D_DAILY_LOSS
    peak = account[DAY_PEAK]
    if (
        peak >= rules.lock_from
        and peak > 0
        and (peak - result) * 100 * rules.giveback_bottom >= rules.giveback_top * peak
    ):
        return D_PROFIT_GIVEBACK
    if peak - result >= rules.day_drawdown:
        return D_DAY_DRAWDOWN
    if max(account[PEAK] - funds, 0) >= rules.drawdown:
        return D_DRAWDOWN
    return 0


@inlined
def submit(
    account: Ints,
    recent: Ints,
    orders: Ints,
    rules: Rules,
    now: int,
    signed: int,
    reduces: int,
    reason: int,
    reference: int,
) -> int:
    """Judge an order and write it down: its row, or -1 where it was denied."""
    number = account[ORDERS]
    if number == len(orders):
        account[STATUS] = FULL
        return -1
    refused = denial(account, recent, rules, now, signed, reduces, reference)
    orders[number, 0] = now
    orders[number, 1] = 0
    orders[number, 2] = signed
    orders[number, 3] = reduces
    orders[number, 4] = reason
    orders[number, 5] = DENIED if refused else OPEN
    orders[number, 6] = refused
    account[ORDERS] = number + 1
    if refused:
        return -1
    recent[account[RECENT] % RECENT_MAX] = now
    account[RECENT] += 1
    account[DAY_ORDERS] += 1
    return int(number)


@compiled
def flatten(account: Ints, recent: Ints, orders: Ints, rules: Rules, now: int, reason: int) -> None:
    """Withdraw an entry that rests, and close what nothing closes yet."""
    if account[PENDING] != 0 and not account[PENDING_REDUCES]:
        orders[account[PENDING_ORDER], 5] = CANCELLED
        account[PENDING] = 0
    left = account[POSITION] + account[PENDING] + account[CLOSING]
    if left == 0 or not rules.mis:
        return
    largest = rules.freeze_slice if rules.freeze_slice > 0 else rules.lot
    if abs(left) > largest or account[CLOSING] != 0:
        account[STATUS] = SLICED
        return
    number = submit(account, recent, orders, rules, now, -left, 1, reason, 0)
    if number >= 0:
        account[CLOSING] = -left
        account[CLOSING_ORDER] = number


@compiled
def open_day(account: Ints, rules: Rules) -> None:
    """Former figures are settled into the opening cash."""
    account[OPENING] += account[FLOW] - account[OWED]
    account[CARRIED] = account[LOT_UNITS_VALUE] * rules.multiplier
    for place in (FLOW, OWED, BROKERAGE, EXCHANGE, IPFT, SEBI, STAMP, TAX_BUY, TAX_SELL, BOUGHT, SOLD):
        account[place] = 0
    for place in (FROM_HOLDINGS, DAY_ORDERS, TRADES, LOSSES, LAST_LOSS, DAY_PEAK, HALTED, FLATTENING):
        account[place] = 0


@compiled
def close_day(account: Ints, days: Ints, rules: Rules, number: int) -> None:
    """Write the day down."""
    at = account[DAYS]
    days[at, 0] = number
    days[at, 1] = account[OPENING] + account[FLOW] - account[OWED]
    days[at, 2] = worth(account, rules)
    days[at, 3] = account[OWED]
    account[DAYS] = at + 1


@compiled
def settle_peaks(account: Ints, rules: Rules) -> int:
    """Note the highest results so far; the day's result."""
    result = day_pnl(account, rules)
    account[DAY_PEAK] = max(account[DAY_PEAK], result)
    account[PEAK] = max(account[PEAK], worth(account, rules))
    return result
