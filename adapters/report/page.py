"""The end-of-day page: one file, no script, no network, for a screen, a phone and paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from adapters.report.chart import equity_chart
from adapters.report.text import clock, in_paise, inr, long_date, minute, percent, signed, words
from domain.messages.control import PositionView
from domain.quality import together
from domain.report.eod import EXTERNAL, EodReport, StrategyRow
from domain.values import E4

ROWS_MAX: Final = 1_000
"""Orders and trades on the page; the JSON has them all."""

CHARGE_NAMES: Final = {
    "brokerage": "Brokerage",
    "stt": "Securities transaction tax",
    "exchange": "Exchange charge",
    "sebi": "SEBI fee",
    "gst": "GST",
    "stamp": "Stamp duty",
    "dp": "Depository charge",
    "square_off": "Broker's square-off",
}

CAUSE_NAMES: Final = {
    "latency": "the market moved before the order came there",
    "slippage": "slippage from there to the fill",
    "model": "less what the backtest's fills are charged with",
    "cost": "charges",
    "data": "decided on another price",
    "missed": "signals of one of the two alone",
}
"""What domain.parity.CAUSES are called here."""

KITE: Final = (
    '<svg class="kite" viewBox="0 0 32 32" aria-hidden="true"><path d="M18 2 29 11 16 22 9 8Z"/>'
    '<path class="spars" d="M18 2 16 22M9 8 29 11"/><path class="tail" d="M16 22c-3 1-3 4-6 4s-3 3-7 3"/></svg>'
)


def render(report: EodReport) -> str:
    """The whole page."""
    title = f"Patang · {report.date} · {signed(report.net)}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{_css()}</style>
</head>
<body>
<main>
{_head(report)}
{_hero(report)}
{_differences(report)}
{_identity(report)}
{_strategies(report)}
<div class="pair">
{_charges(report)}
{_system(report)}
</div>
{_parity(report)}
{_positions(report)}
{_events(report)}
{_orders(report)}
{_trades(report)}
{_foot(report)}
</main>
</body>
</html>
"""


@cache
def _css() -> str:
    return Path(__file__).with_name("eod.css").read_text(encoding="utf-8")


# -- sections --------------------------------------------------------------------------------------------------------


def _head(report: EodReport) -> str:
    return f"""<header>
{KITE}
<div><h1>End of day</h1><p>{escape(long_date(report.date))}</p></div>
<p class="env {escape(report.env)}">{escape(report.env)}</p>
</header>"""


def _hero(report: EodReport) -> str:
    chart = equity_chart(report.equity_curve, report.opening_cash, report.events)
    figures = (
        ("Realised", signed(report.realised), _tone(report.realised)),
        ("Unrealised", signed(report.unrealised), _tone(report.unrealised)),
        ("Charges", inr(-report.charges), ""),
        ("Round trips", str(report.round_trips), ""),
        ("Turnover", inr(report.turnover), ""),
        ("Deepest fall", inr(-report.drawdown_max), ""),
    )
    tiles = "".join(f'<div><dt>{name}</dt><dd class="{tone}">{value}</dd></div>' for name, value, tone in figures)
    return f"""<section class="hero">
<div class="result">
<p class="label">Net profit and loss</p>
<p class="net {_tone(report.net)}"><small>₹</small>{signed(report.net)}</p>
<p class="of">{percent(report.net, report.opening_cash)} of ₹ {inr(report.opening_cash)}</p>
<ul class="checks">{_checks(report)}</ul>
</div>
{chart}
<dl class="tiles">{tiles}</dl>
</section>"""


def _checks(report: EodReport) -> str:
    checks = [_check(report.balanced, "Books add up, to the last digit", "Books do not add up")]
    if report.books_agree is not None:
        checks.append(_check(report.books_agree, "Equal to the exchange's books", "Differs from the exchange's books"))
    if report.note is not None:
        checks.append(_check(report.note.agrees, "Charges as the broker says", "Charges are not as the broker says"))
    flat = not report.open_positions
    count = len(report.open_positions)
    checks.append(_check(flat, "Flat at the end", f"{count} open position{'s' if count > 1 else ''}", mild=True))
    return "".join(checks)


def _check(passed: bool, yes: str, no: str, *, mild: bool = False) -> str:
    if passed:
        return f'<li class="ok">{yes}</li>'
    return f'<li class="{"note" if mild else "bad"}">{no}</li>'


def _differences(report: EodReport) -> str:
    found = ""
    for title, theirs, differences in (
        ("Ours and the exchange's books differ", "#Exchange", report.differences),
        ("Our charges and the broker's note differ", "#Broker", report.note.differences if report.note else ()),
    ):
        if differences:
            rows = [(each.name, each.subject or "–", each.ours, each.theirs) for each in differences]
            table = _table(("Figure", "Of", "#Ours", theirs), rows)
            found += f'<section class="card alarm"><h2>{title}</h2>{table}</section>'
    return found


def _identity(report: EodReport) -> str:
    def term(name: str, amount: E4) -> str:
        return f"<span><b>{inr(amount)}</b><small>{name}</small></span>"

    def sign(symbol: str) -> str:
        return f"<i>{symbol}</i>"

    left = term("cash", report.cash) + sign("+") + term("positions", report.positions_value)
    right = sign("+").join(
        (
            term("opening cash", report.opening_cash),
            term("realised", report.realised),
            term("unrealised", report.unrealised),
        )
    )
    equals = sign("=" if report.balanced else "≠")
    return f"""<section class="card identity{"" if report.balanced else " alarm"}"><h2>The books</h2>
<p>{left}{equals}{right}{sign("−")}{term("charges", report.charges)}</p></section>"""


def _strategies(report: EodReport) -> str:
    if not report.per_strategy:
        return ""
    most = max((abs(row.net) for row in report.per_strategy), default=0)
    rows = [_strategy(row, most) for row in report.per_strategy]
    heads = (
        "Strategy",
        "#Net",
        "*",
        "#Realised*",
        "#Unrealised*",
        "#Charges*",
        "#Round trips",
        "#Trades*",
        "#Slippage*",
    )
    return f'<section class="card"><h2>Strategies</h2>{_table(heads, rows, raw=True)}</section>'


def _strategy(row: StrategyRow, most: E4) -> Sequence[str]:
    width = 100 * abs(row.net) / most if most else 0
    bar = f'<div class="bar {_tone(row.net)}"><i style="width:{width:.1f}%"></i></div>'
    return (
        f"<b>{escape(words(row.strategy))}</b>",
        f'<span class="{_tone(row.net)}">{signed(in_paise(row.net))}</span>',
        bar,
        signed(row.realised),
        signed(row.unrealised),
        inr(in_paise(row.charges)),
        str(row.round_trips),
        str(row.trades),
        inr(row.slippage),
    )


def _charges(report: EodReport) -> str:
    parts = [(name, amount) for name, amount in report.charge_components if amount]
    most = max((amount for _, amount in parts), default=0)
    rows = [
        (
            escape(CHARGE_NAMES.get(name, words(name))),
            f'<div class="bar"><i style="width:{100 * amount / most if most else 0:.1f}%"></i></div>',
            inr(amount),
        )
        for name, amount in parts
    ]
    rows.append(("<b>Total</b>", "", f"<b>{inr(report.charges)}</b>"))
    share = f"{10_000 * report.charges / report.turnover:.2f} per ₹ 10,000 of turnover" if report.turnover else ""
    return f"""<section class="card"><h2>Charges</h2>{_table(("", "", "#"), rows, raw=True)}
<p class="hint">{share}</p></section>"""


def _system(report: EodReport) -> str:
    states = ", ".join(f"{count} {words(state)}" for state, count in report.order_states)
    denied = ", ".join(f"{count} {words(reason)}" for reason, count in report.denied)
    rows = [
        ("Orders", f"{report.orders}", states),
        ("Trades", f"{report.trades}", ""),
        ("Intents denied", f"{sum(count for _, count in report.denied)}", denied),
        ("Slippage", inr(report.slippage), _slippage_hint(report)),
        ("Actors restarted", f"{report.restarts}", ""),
        ("Feed reconnects", f"{report.reconnects}", ""),
        ("Starts of the trader", f"{report.runs}", ""),
        ("Alerts", f"{report.alerts}", ""),
    ]
    cells = [(name + (f'<p class="hint">{escape(hint)}</p>' if hint else ""), value) for name, value, hint in rows]
    return f'<section class="card"><h2>Orders and system</h2>{_table(("", "#"), cells, raw=True)}</section>'


def _slippage_hint(report: EodReport) -> str:
    execution = together(row.quality for row in report.order_list)
    said = ["against the prices decided at"]
    if execution.slippage_bps is not None:
        said.append(f"{float(execution.slippage_bps):.2f} bps of them")
    if execution.arrival_bps is not None:
        said.append(f"{float(execution.arrival_bps):.2f} bps of the middle of bid and ask on arrival")
    if execution.decided_to_sent is not None:
        said.append(f"a decision was sent after {execution.decided_to_sent / 1e9:.3f} s (median, market time)")
    return ", ".join(said)


def _parity(report: EodReport) -> str:
    parity = report.parity
    if parity is None:
        return ""
    if parity.why_not:
        return f'<section class="card"><h2>The same day in the backtester</h2><p>{escape(parity.line)}</p></section>'
    signals = f"signals: {parity.matched} matched, {parity.missed} missed, {parity.added} added"
    rows = [(f'<b>Less than its backtest</b><p class="hint">{signals}</p>', f"<b>{inr(parity.total)}</b>")]
    rows += [(f"of that, {escape(CAUSE_NAMES[cause])}", inr(amount)) for cause, amount in parity.parts]
    rows += [(f"{escape(words(strategy))} is left out: {escape(why)}", "–") for strategy, why in parity.left_out]
    table = _table(("", "#"), rows, raw=True)
    return f'<section class="card"><h2>The same day in the backtester</h2>{table}</section>'


def _positions(report: EodReport) -> str:
    if not report.open_positions:
        return ""
    heads = ("Instrument", "Product*", "Strategy", "#Quantity", "#Average*", "#Last", "#Unrealised")
    rows = [_position(view) for view in report.open_positions]
    return f'<section class="card"><h2>Open positions</h2>{_table(heads, rows)}</section>'


def _position(view: PositionView) -> Sequence[str]:
    # An average is a pair, value and quantity; it is rounded here, for the eye alone.
    average = inr(round(abs(view.cost / view.quantity) / 100) * 100) if view.quantity else "–"
    return (
        view.instrument,
        view.product.value,
        words(view.strategy or EXTERNAL),
        f"{view.quantity:+,}".replace("-", "−"),
        average,
        inr(view.last_price),
        signed(view.unrealised),
    )


def _events(report: EodReport) -> str:
    if not report.events:
        return ""
    items = "".join(
        f'<li class="{escape(each.kind)}"><time>{clock(each.time)}</time><em>{escape(each.kind)}</em>'
        f"<span><b>{escape(words(each.name))}</b> {escape(each.text)}</span></li>"
        for each in report.events
    )
    return f'<section class="card"><h2>What happened</h2><ol class="events">{items}</ol></section>'


def _orders(report: EodReport) -> str:
    heads = (
        "Time",
        "Strategy*",
        "Instrument",
        "Side",
        "#Filled",
        "#Average",
        "#Slippage*",
        "#Bps*",
        "State",
        "Order id*",
    )
    rows = [
        (
            clock(row.time),
            words(row.strategy),
            row.instrument,
            row.side.value.lower(),
            f"{row.filled}/{row.quantity}",
            inr(round(row.value / row.filled / 100) * 100) if row.filled else "–",
            inr(row.slippage),
            "–" if row.quality.slippage_bps is None else f"{float(row.quality.slippage_bps):+.2f}".replace("-", "−"),
            words(row.state.name.lower()) + (f": {row.text}" if row.text else ""),
            row.order_id or "–",
        )
        for row in report.order_list[:ROWS_MAX]
    ]
    return _folded("Orders", heads, rows, len(report.order_list))


def _trades(report: EodReport) -> str:
    heads = ("Time", "Strategy*", "Instrument", "Side", "#Quantity", "#Price", "Trade id*", "Order id*")
    rows = [
        (
            clock(trade.event_time),
            words(trade.strategy or EXTERNAL),
            trade.instrument,
            trade.side.value.lower(),
            str(trade.quantity),
            inr(trade.price),
            trade.trade_id,
            trade.order_id,
        )
        for trade in report.trade_list[:ROWS_MAX]
    ]
    return _folded("Trades", heads, rows, len(report.trade_list))


def _foot(report: EodReport) -> str:
    span = f"{minute(report.started)}–{minute(report.finished)} IST"
    return (
        f"<footer>Patang · {escape(report.env)} · market time {span} · journal {report.seq} · amounts in rupees · "
        "the figures for programs are in eod.json</footer>"
    )


# -- pieces ----------------------------------------------------------------------------------------------------------


def _folded(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    if not rows:
        return ""
    rest = f'<p class="hint">{total - len(rows)} more are in eod.json</p>' if total > len(rows) else ""
    return f"""<section class="card"><details><summary><h2>{name}</h2> <span>{total}</span></summary>
{_table(heads, rows)}{rest}</details></section>"""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False) -> str:
    """A table. In a head, `#` before the name aligns the column as numbers, `*` after it leaves it out on a phone.

    raw  cells are HTML already; otherwise they are escaped
    """
    last = max(index for index, head in enumerate(heads) if not head.endswith("*"))
    classes = [
        " ".join(
            name
            for name, wanted in (("n", head.startswith("#")), ("w", head.endswith("*")), ("z", index == last))
            if wanted
        )
        for index, head in enumerate(heads)
    ]
    names = [escape(head.strip("#*")) for head in heads]
    top = ""
    if any(names):
        top = f"<thead><tr>{_cells('th', names, classes)}</tr></thead>"
    body = "".join(f"<tr>{_cells('td', [cell if raw else escape(cell) for cell in row], classes)}</tr>" for row in rows)
    return f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'


def _cells(tag: str, cells: Sequence[str], classes: Sequence[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return "".join(
        f'<{tag}{scope} class="{name}">{cell}</{tag}>' if name else f"<{tag}{scope}>{cell}</{tag}>"
        for cell, name in zip(cells, classes, strict=True)
    )


def _tone(amount: E4) -> str:
    return "gain" if amount > 0 else "loss" if amount < 0 else ""
