# ruff: noqa: ANN001, ANN202, ARG005, SLF001, T201 - it runs among libraries without types, imported by nothing
"""The same crossover by other programs, run in their environment: `python _peers.py bars.npz COUNT`, figures as JSON.

Not imported by anything: it needs packages that the project does not have.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from importlib.util import find_spec

import numpy as np

FAST, SLOW, UNITS, COMMISSION, CASH = 20, 100, 10, 20.0, 100_000_000.0
SLOW_COUNT = 30_000
"""Bars for the programs that need seconds for so many."""


def wanted_sides(close):
    """+1, -1 or 0 at each bar, as the rule says it: the same averages to the last bit, from its first warm bar."""
    sums = {}
    for period in (FAST, SLOW):
        # TA-Lib's way: a running sum, one added and one taken away.
        out = np.full(len(close), np.nan)
        total = close[: period - 1].cumsum()[-1] if period > 1 else 0.0
        for i in range(period - 1, len(close)):
            total += close[i]
            out[i] = total / period
            total -= close[i - period + 1]
        sums[period] = out
    ahead = sums[FAST] - sums[SLOW]
    side = np.where(ahead > 0, 1, np.where(ahead < 0, -1, 0))
    side[: SLOW + 1] = 0
    # At a tie nothing is wanted anew: the side before stays.
    place = np.where(side != 0, np.arange(len(side)), 0)
    np.maximum.accumulate(place, out=place)
    return side[place]


def by_vectorbt(data, side):
    import vectorbt as vbt

    close, opened = data["close"] / 10_000, data["open"] / 10_000
    # The order decided on a bar is filled at the next one's open.
    target = np.append(0, side[:-1]) * UNITS
    changes = np.diff(np.append(0, target)) != 0
    size = np.where(changes, target.astype(float), np.nan)

    def work():
        return vbt.Portfolio.from_orders(
            close, size=size, size_type="targetamount", price=opened, fixed_fees=COMMISSION, init_cash=CASH, freq="1min"
        )

    seconds, portfolio = best(work, 3)
    orders = portfolio.orders.records
    return seconds, [(int(i), float(price)) for i, price in zip(orders["idx"], orders["price"], strict=True)]


def by_backtesting(data, side):
    import pandas as pd
    from backtesting import Backtest, Strategy

    count = min(len(side), SLOW_COUNT)
    index = pd.to_datetime(data["start"][:count])
    columns = {name.title(): data[name][:count] / 10_000 for name in ("open", "high", "low", "close", "volume")}
    frame = pd.DataFrame(columns, index=index)
    sides = side[:count]

    class Crossing(Strategy):
        def init(self):
            self.side = self.I(lambda: sides.astype(float), plot=False)

        def next(self):
            wanted = int(self.side[-1])
            held = 1 if self.position.is_long else -1 if self.position.is_short else 0
            if wanted != held and wanted:
                self.position.close()
                self.buy(size=UNITS) if wanted > 0 else self.sell(size=UNITS)

    def work():
        test = Backtest(frame, Crossing, cash=CASH, commission=lambda size, price: COMMISSION, finalize_trades=False)
        return test.run()

    seconds, stats = best(work, 1)
    broker = stats["_strategy"]._broker
    trades = [*broker.closed_trades, *broker.trades]
    fills = [(trade.entry_bar, trade.entry_price) for trade in trades]
    fills += [(trade.exit_bar, trade.exit_price) for trade in broker.closed_trades]
    return seconds * len(side) / count, sorted(fills)


def by_backtrader(data, side):
    import backtrader as bt
    import pandas as pd

    count = min(len(side), SLOW_COUNT)
    frame = pd.DataFrame(
        {name: data[name][:count] / 10_000 for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(data["start"][:count]),
    )
    fills = []

    class Crossing(bt.Strategy):
        def next(self):
            wanted = int(side[len(self) - 1]) * UNITS
            if wanted and wanted != self.position.size:
                self.order_target_size(target=wanted)

        def notify_order(self, order):
            if order.status == order.Completed:
                fills.append((len(self) - 1, order.executed.price))

    def work():
        fills.clear()
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.broker.setcash(CASH)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Crossing)
        cerebro.run()

    seconds, _ = best(work, 1)
    return seconds * len(side) / count, fills


def best(work, times):
    found, shortest = None, float("inf")
    for _ in range(times):
        began = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            found = work()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, found


def main():
    data = dict(np.load(sys.argv[1]))
    count = int(sys.argv[2])
    side = wanted_sides(data["close"] / 10_000)
    # What ours does, a turn being one fill here: (bar, price) of every change of the wanted side.
    turns = np.flatnonzero(np.diff(np.append(0, side)) != 0) + 1
    ours = [(int(i), data["open"][i] / 10_000) for i in turns if i < len(side)]
    figures = {"turns": len(ours)}
    for name, work in (("vectorbt", by_vectorbt), ("backtesting", by_backtesting), ("backtrader", by_backtrader)):
        if find_spec(name) is None:
            figures[name] = "not installed"
            continue
        seconds, fills = work(data, side)
        figures[f"{name}, M bars/s"] = round(count / seconds / 1e6, 4)
        seen = sorted({(bar, round(price, 4)) for bar, price in fills})
        last = seen[-1][0] if seen else -1
        expected = sorted((bar, round(price, 4)) for bar, price in ours if bar <= last)
        figures[f"{name}, same turns"] = f"{len(set(seen) & set(expected))} of {len(expected)}"
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
