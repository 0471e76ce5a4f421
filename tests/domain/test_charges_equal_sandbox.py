"""The sandbox has rates and code of its own: a mistake in either shows as a difference."""

import random

from domain.costs import ChargeKind, contract_note
from domain.values import Product, Side
from sandbox.charges import ExecutedOrder, note_charges
from tests.domain.builders import DAY, a_chargeable

MARKETS = [
    ("NSE", "INFY", "CNC", ChargeKind.EQUITY_DELIVERY),
    ("NSE", "SBIN", "CNC", ChargeKind.EQUITY_DELIVERY),
    ("NSE", "INFY", "MIS", ChargeKind.EQUITY_INTRADAY),
    ("NSE", "SBIN", "MIS", ChargeKind.EQUITY_INTRADAY),
    ("BSE", "INFY", "MIS", ChargeKind.EQUITY_INTRADAY),
    ("BSE", "INFY", "CNC", ChargeKind.EQUITY_DELIVERY),
    ("NFO", "NIFTY26NOVFUT", "NRML", ChargeKind.EQUITY_FUTURE),
    ("NFO", "NIFTY26NOVFUT", "MIS", ChargeKind.EQUITY_FUTURE),
    ("BFO", "SENSEX26NOVFUT", "NRML", ChargeKind.EQUITY_FUTURE),
]
ORDERS_PER_DAY = [1, 2, 5, 20, 100]


def test_ours_equals_the_sandboxs_note_for_random_days() -> None:
    rng = random.Random(20261120)
    for count in ORDERS_PER_DAY * 20:
        theirs, ours = [], []
        bought: set[str] = set()
        sold: set[str] = set()
        for n in range(count):
            exchange, symbol, product, kind = rng.choice(MARKETS)
            side = rng.choice(list(Side))
            key = f"{exchange}:{symbol}"
            if product == "CNC":
                # One way a day for each instrument: what is sold comes out of holdings.
                side = Side.SELL if key in sold else Side.BUY if key in bought else side
                (bought if side is Side.BUY else sold).add(key)
            square_off = product == "MIS" and rng.random() < 0.1
            turnover = 0
            for _ in range(rng.randint(1, 3)):
                trade = a_chargeable(
                    order_id=str(n),
                    instrument=key,
                    exchange=exchange,
                    kind=kind,
                    product=Product(product),
                    side=side,
                    quantity=rng.randint(1, 2_000),
                    price=rng.randint(1, 500_000) * 500,
                    squared_off_by_broker=square_off,
                )
                turnover += trade.turnover
                ours.append(trade)
            theirs.append(ExecutedOrder(exchange, symbol, product, side.sign, turnover, square_off))

        note, expected = contract_note(ours, DAY), note_charges(theirs, holdings_sold=len(sold))

        assert dict(note.components) == {name: getattr(expected, name) for name in expected.__struct_fields__}
        assert note.total == expected.total
