# ruff: noqa: ANN001, ANN202, ANN204, ARG005, SLF001, T201 - it runs among libraries without types, imported by nothing
"""The same crossover by other programs, in their environment: `python _peers.py bars.npz`, then a task a line.

A task is `NAME KIND`; the answer is a line of JSON: seconds, fills as [bar, price], final equity in rupees, the bars
that it ran over. Not imported by anything: it needs packages that the project does not have.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import numpy as np

FAST, SLOW, UNITS, COMMISSION, CASH = 20, 100, 10, 20.0, 100_000_000.0
SLOW_COUNT = 30_000
"""Bars for the programs that need seconds for so many."""


def averages(close, period):
    """TA-Lib's way, to the last bit: a running sum, one added and one taken away."""
    out = np.full(len(close), np.nan)
    total = 0.0
    for i in range(period - 1):
        total += close[i]
    for i in range(period - 1, len(close)):
        total += close[i]
        out[i] = total / period
        total -= close[i - period + 1]
    return out


def wanted_sides(close, fast=FAST, slow=SLOW):
    """+1, -1 or 0 at each bar, as the rule says it, from its first warm bar."""
    ahead = averages(close, fast) - averages(close, slow)
    side = np.where(ahead > 0, 1, np.where(ahead < 0, -1, 0))
    side[: slow + 1] = 0
    # At a tie nothing is wanted anew: the side before stays.
    place = np.where(side != 0, np.arange(len(side)), 0)
    np.maximum.accumulate(place, out=place)
    return side[place]


def orders_of(side):
    """Sizes to hold, at the bar after each decision; NaN where nothing changes."""
    target = np.append(0, side[:-1]) * UNITS
    return np.where(np.diff(np.append(0, target)) != 0, target.astype(float), np.nan)


class Vectorbt:
    package = "vectorbt"

    def __init__(self, data):
        import vectorbt

        self.vbt, self.data = vectorbt, data

    def crossing(self):
        close, opened = self.data["close"] / 10_000, self.data["open"] / 10_000
        size = orders_of(wanted_sides(close))

        def work():
            return self.vbt.Portfolio.from_orders(
                close, size=size, size_type="targetamount", price=opened, fixed_fees=COMMISSION, init_cash=CASH,
                freq="1min",
            )  # fmt: skip

        def read(portfolio):
            orders = portfolio.orders.records
            fills = [(int(i), float(price)) for i, price in zip(orders["idx"], orders["price"], strict=True)]
            return fills, float(portfolio.final_value()), len(close)

        return work, read

    def sweep(self):
        import pandas as pd

        close = pd.Series(self.data["close"] / 10_000)
        pairs = self.data["pairs"].tolist()

        def work():
            vbt = self.vbt
            fast = vbt.MA.run(close, [each[0] for each in pairs], short_name="fast")
            slow = vbt.MA.run(close, [each[1] for each in pairs], short_name="slow")
            entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
            portfolio = vbt.Portfolio.from_signals(
                close, entries, short_entries=exits, size=UNITS, fixed_fees=COMMISSION, init_cash=CASH, freq="1min"
            )
            return portfolio.final_value()

        return work, lambda values: ([], float(values.iloc[0]), len(close) * len(pairs))

    def portfolio(self):
        closes, opens = self.data["closes"] / 10_000, self.data["opens"] / 10_000
        sizes = np.column_stack([orders_of(wanted_sides(closes[:, at])) for at in range(closes.shape[1])])

        def work():
            return self.vbt.Portfolio.from_orders(
                closes, size=sizes, size_type="targetamount", price=opens, fixed_fees=COMMISSION, init_cash=CASH,
                freq="1min", group_by=True, cash_sharing=True,
            )  # fmt: skip

        def read(portfolio):
            orders = portfolio.orders.records
            value = portfolio.final_value()
            return [(int(i), 0.0) for i in orders["idx"]], float(np.asarray(value).reshape(-1)[0]), closes.size

        return work, read


class Backtesting:
    package = "backtesting"

    def __init__(self, data):
        import backtesting

        self.lib, self.data = backtesting, data

    def crossing(self):
        import pandas as pd

        count = min(len(self.data["close"]), SLOW_COUNT)
        columns = {
            name.title(): self.data[name][:count] / 10_000 for name in ("open", "high", "low", "close", "volume")
        }
        frame = pd.DataFrame(columns, index=pd.to_datetime(self.data["start"][:count]))
        sides = wanted_sides(self.data["close"] / 10_000)[:count]

        class Crossing(self.lib.Strategy):
            def init(self):
                self.side = self.I(lambda: sides.astype(float), plot=False)

            def next(self):
                wanted = int(self.side[-1])
                held = 1 if self.position.is_long else -1 if self.position.is_short else 0
                if wanted != held and wanted:
                    self.position.close()
                    self.buy(size=UNITS) if wanted > 0 else self.sell(size=UNITS)

        def work():
            test = self.lib.Backtest(
                frame, Crossing, cash=CASH, commission=lambda size, price: COMMISSION, finalize_trades=False
            )
            return test.run()

        def read(stats):
            broker = stats["_strategy"]._broker
            trades = [*broker.closed_trades, *broker.trades]
            fills = [(trade.entry_bar, trade.entry_price) for trade in trades]
            fills += [(trade.exit_bar, trade.exit_price) for trade in broker.closed_trades]
            return sorted(fills), float(stats["Equity Final [$]"]), count

        return work, read


class Backtrader:
    package = "backtrader"

    def __init__(self, data):
        import backtrader

        self.bt, self.data = backtrader, data

    def crossing(self):
        import pandas as pd

        bt, count = self.bt, min(len(self.data["close"]), SLOW_COUNT)
        frame = pd.DataFrame(
            {name: self.data[name][:count] / 10_000 for name in ("open", "high", "low", "close", "volume")},
            index=pd.to_datetime(self.data["start"][:count]),
        )
        side = wanted_sides(self.data["close"] / 10_000)

        class PerOrder(bt.CommInfoBase):
            params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_FIXED))

            def _getcommission(self, size, price, pseudoexec):
                return COMMISSION if size else 0.0

        class Crossing(bt.Strategy):
            def __init__(self):
                self.fills = []

            def next(self):
                wanted = int(side[len(self) - 1]) * UNITS
                if wanted and wanted != self.position.size:
                    self.order_target_size(target=wanted)

            def notify_order(self, order):
                if order.status == order.Completed:
                    self.fills.append((len(self) - 1, order.executed.price))

        def work():
            cerebro = bt.Cerebro(stdstats=False)
            cerebro.broker.setcash(CASH)
            cerebro.broker.addcommissioninfo(PerOrder())
            cerebro.adddata(bt.feeds.PandasData(dataname=frame))
            cerebro.addstrategy(Crossing)
            return cerebro.run()[0]

        return work, lambda run: (run.fills, float(run.broker.getvalue()), count)


class Nautilus:
    package = "nautilus_trader"

    def __init__(self, data):
        import nautilus_trader

        self.lib, self.data = nautilus_trader, data

    def crossing(self):
        from decimal import Decimal

        import pandas as pd
        from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
        from nautilus_trader.config import LoggingConfig
        from nautilus_trader.model.currencies import USD
        from nautilus_trader.model.data import BarType
        from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
        from nautilus_trader.model.identifiers import Venue
        from nautilus_trader.model.objects import Money, Quantity
        from nautilus_trader.persistence.wranglers import BarDataWrangler
        from nautilus_trader.test_kit.providers import TestInstrumentProvider
        from nautilus_trader.trading.strategy import Strategy

        count = min(len(self.data["close"]), SLOW_COUNT)
        side = wanted_sides(self.data["close"] / 10_000)
        listed = TestInstrumentProvider.equity(symbol="WALK", venue="SIM")
        kind = BarType.from_str("WALK.SIM-1-MINUTE-LAST-EXTERNAL")
        frame = pd.DataFrame(
            {name: self.data[name][:count] / 10_000 for name in ("open", "high", "low", "close", "volume")},
            index=pd.to_datetime(self.data["start"][:count] + 60_000_000_000, utc=True),
        )
        bars = BarDataWrangler(kind, listed).process(frame)

        class Crossing(Strategy):
            def __init__(self):
                super().__init__()
                self.at, self.held, self.fills = -1, 0, []

            def on_start(self):
                self.subscribe_bars(kind)

            def on_bar(self, bar):
                self.at += 1
                wanted = int(side[self.at])
                if wanted and wanted != self.held:
                    way = OrderSide.BUY if wanted > 0 else OrderSide.SELL
                    units = UNITS * (1 if not self.held else 2)
                    self.submit_order(self.order_factory.market(listed.id, way, Quantity.from_int(units)))
                    self.held = wanted

            def on_order_filled(self, event):
                self.fills.append((self.at, float(event.last_px)))

        def work():
            engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(log_level="ERROR")))
            engine.add_venue(Venue("SIM"), OmsType.NETTING, AccountType.MARGIN, [Money(CASH, USD)], USD, Decimal(1))
            engine.add_instrument(listed)
            engine.add_data(bars)
            strategy = Crossing()
            engine.add_strategy(strategy)
            began = time.perf_counter()
            engine.run()
            self.seconds = time.perf_counter() - began
            account = engine.cache.account_for_venue(Venue("SIM"))
            found = strategy.fills, float(account.balance_total(USD))
            engine.dispose()
            return found

        return work, lambda found: (*found, count)


ALL = {each.package: each for each in (Vectorbt, Backtesting, Backtrader, Nautilus)}


def main():
    data = dict(np.load(sys.argv[1]))
    made, tasks = {}, {}
    for line in sys.stdin:
        name, kind = line.split()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if name not in made:
                    made[name] = ALL[name](data)
                if (name, kind) not in tasks:
                    tasks[name, kind] = getattr(made[name], kind)()
                work, read = tasks[name, kind]
                began = time.perf_counter()
                result = work()
                seconds = time.perf_counter() - began
                fills, equity, count = read(result)
            answer = {"seconds": seconds, "fills": fills, "equity": equity, "bars": count}
        except Exception as error:  # noqa: BLE001 - whatever another program raises is said by its name
            answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
