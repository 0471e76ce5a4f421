import datetime as dt
from fractions import Fraction

import pytest

from domain.costs import ChargeKind, UnknownInstrument, charge_kind, charge_kind_of_symbol, order_charges, rates_on
from domain.costs.rates import FIRST_KNOWN
from domain.errors import RatesUnknown
from domain.values import RUPEE, Instrument, InstrumentKind, Product, Side
from tests.domain.builders import DAY, INFY, NIFTY_FUTURE

K = ChargeKind

# kite-facts 7.1: order, turnover, then brokerage, tax, exchange, SEBI, GST, stamp, total.
WORKED = [
    ("NSE", K.EQUITY_DELIVERY, Side.BUY, 15_000, "0 15 0.4605 0.015 0.08559 2.25 17.81109"),
    ("NSE", K.EQUITY_INTRADAY, Side.BUY, 20_000, "6 0 0.614 0.02 1.19412 0.6 8.42812"),
    ("NSE", K.EQUITY_INTRADAY, Side.SELL, 100_000, "20 25 3.07 0.1 4.1706 0 52.3406"),
    ("NFO", K.EQUITY_FUTURE, Side.SELL, 1_625_000, "20 812.5 29.7375 1.625 9.24525 0 873.10775"),
    ("NFO", K.EQUITY_OPTION, Side.BUY, 9_750, "20 0 3.464175 0.00975 4.2253065 0.2925 27.9917315"),
    ("NFO", K.EQUITY_OPTION, Side.SELL, 9_750, "20 14.625 3.464175 0.00975 4.2253065 0 42.3242315"),
]


@pytest.mark.parametrize(("exchange", "kind", "side", "turnover", "expected"), WORKED)
def test_worked_examples_to_the_last_digit(
    exchange: str, kind: ChargeKind, side: Side, turnover: int, expected: str
) -> None:
    # The published examples put GST on the whole exchange charge; the fund's part (IPFT) is left out of it by rule.
    charges = order_charges(DAY, exchange, kind, side, turnover * RUPEE)
    rates = rates_on(DAY, exchange, kind)
    ipft_gst = Fraction(18, 100) * rates.ipft * turnover / 1_000_000_000

    parts = [charges.brokerage, charges.tax, charges.exchange, charges.sebi, charges.gst, charges.stamp, charges.total]
    brokerage, tax, exch, sebi, gst, stamp, total = [Fraction(part) for part in expected.split()]
    assert parts == [brokerage, tax, exch, sebi, gst - ipft_gst, stamp, total - ipft_gst]
    assert ipft_gst < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("day", "kind", "tax_sell"),
    [
        ("2024-10-01", K.EQUITY_FUTURE, 200_000),
        ("2026-03-31", K.EQUITY_FUTURE, 200_000),
        ("2026-04-01", K.EQUITY_FUTURE, 500_000),
        ("2026-03-31", K.EQUITY_OPTION, 1_000_000),
        ("2026-04-01", K.EQUITY_OPTION, 1_500_000),
        ("2024-10-01", K.EQUITY_INTRADAY, 250_000),
    ],
)
def test_the_tax_is_that_of_the_day(day: str, kind: ChargeKind, tax_sell: int) -> None:
    exchange = "NSE" if kind is K.EQUITY_INTRADAY else "NFO"

    assert rates_on(dt.date.fromisoformat(day), exchange, kind).tax_sell == tax_sell


@pytest.mark.parametrize(
    ("exchange", "kind", "per_crore"),
    [
        ("NSE", K.EQUITY_INTRADAY, "307"),
        ("NSE", K.EQUITY_DELIVERY, "307"),
        ("NFO", K.EQUITY_FUTURE, "183"),
        ("NFO", K.EQUITY_OPTION, "3553"),
        ("BSE", K.EQUITY_DELIVERY, "375"),
        ("BFO", K.EQUITY_FUTURE, "0"),
        ("BFO", K.EQUITY_OPTION, "3250"),
        ("CDS", K.CURRENCY_FUTURE, "35"),
        ("CDS", K.CURRENCY_OPTION, "3110"),
        ("MCX", K.COMMODITY_FUTURE, "210"),
        ("MCX", K.COMMODITY_OPTION, "4180"),
    ],
)
def test_the_march_2026_change_moved_the_fund_but_not_the_sum(exchange: str, kind: ChargeKind, per_crore: str) -> None:
    crore = 10_000_000 * RUPEE

    before = order_charges(dt.date(2026, 2, 27), exchange, kind, Side.BUY, crore)
    after = order_charges(dt.date(2026, 3, 2), exchange, kind, Side.BUY, crore)

    assert before.exchange == after.exchange == Fraction(per_crore)
    if exchange in ("NSE", "NFO"):
        assert before.gst < after.gst, "less of the sum is the fund's, so more bears GST"


def test_a_day_before_the_tables_is_refused_with_the_first_known_date() -> None:
    with pytest.raises(RatesUnknown, match="begin on 2024-10-01"):
        rates_on(FIRST_KNOWN - dt.timedelta(days=1), "NSE", K.EQUITY_INTRADAY)


def test_an_exchange_without_the_kind_is_refused() -> None:
    with pytest.raises(RatesUnknown, match="equity option on NSE"):
        rates_on(DAY, "NSE", K.EQUITY_OPTION)


def test_an_order_that_did_not_trade_costs_nothing() -> None:
    assert order_charges(DAY, "NFO", K.EQUITY_OPTION, Side.BUY, 0).total == 0


def test_kinds_follow_instrument_and_product() -> None:
    option = Instrument(token=1, exchange="BFO", symbol="SENSEX26NOV80000CE", kind=InstrumentKind.CALL, tick_size=500)

    assert charge_kind(INFY, Product.MIS) is K.EQUITY_INTRADAY
    assert charge_kind(INFY, Product.CNC) is K.EQUITY_DELIVERY
    assert charge_kind(NIFTY_FUTURE, Product.MIS) is charge_kind(NIFTY_FUTURE, Product.NRML) is K.EQUITY_FUTURE
    assert charge_kind(option, Product.NRML) is K.EQUITY_OPTION


def test_an_index_has_no_tariff() -> None:
    index = Instrument(token=256265, exchange="NSE", symbol="NIFTY 50", kind=InstrumentKind.INDEX, tick_size=500)

    with pytest.raises(UnknownInstrument, match="NSE:NIFTY 50"):
        charge_kind(index, Product.MIS)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("NSE:INFY", K.EQUITY_INTRADAY),
        ("NFO:NIFTY26NOVFUT", K.EQUITY_FUTURE),
        ("NFO:NIFTY26N2425000PE", K.EQUITY_OPTION),
        ("MCX:GOLDM26DECFUT", None),  # its multiplier is not in the name
        ("CDS:USDINR26NOVFUT", None),
        ("NFO:PEPPERCE", None),
        ("NSE:", None),
    ],
)
def test_an_unlisted_instrument_is_known_by_its_symbol_only_where_that_is_safe(
    key: str, kind: ChargeKind | None
) -> None:
    if kind is None:
        with pytest.raises(UnknownInstrument):
            charge_kind_of_symbol(key, Product.MIS)
    else:
        assert charge_kind_of_symbol(key, Product.MIS) is kind
