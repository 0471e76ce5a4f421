"""Writes quantstats.json: what quantstats says of every curve of ../curves.py.

quantstats brings a plotting stack and a price downloader along, so it has an environment of its own and what it said
is kept. To write it anew, from the project's folder:

    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install quantstats==0.0.86
    /tmp/oracle/bin/python tests/report_period/oracle/quantstats_golden.py

The committed file was made with quantstats 0.0.86, pandas 3.1.1, numpy 2.4.6 and scipy 1.17.1 on Python 3.11.
"""

import json
import math
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: E402 - the oracle's own
import quantstats.stats as qs  # type: ignore[import-not-found,unused-ignore] # noqa: E402 - as above
from curves import COUNT, curve  # type: ignore[import-not-found,unused-ignore] # noqa: E402 - found beside, not by package

PLAIN = [
    "comp", "cagr", "expected_return", "volatility", "skew", "kurtosis", "value_at_risk", "conditional_value_at_risk",
    "tail_ratio", "sharpe", "sortino", "calmar", "omega", "gain_to_pain_ratio", "recovery_factor", "ulcer_index",
    "max_drawdown", "win_rate", "avg_win", "avg_loss", "payoff_ratio", "profit_factor", "kelly_criterion",
    "consecutive_wins", "consecutive_losses", "exposure", "best", "worst",
]  # fmt: skip


def plain(value: float) -> float | None:
    """A number of JSON: None for what is no number."""
    value = float(value)
    return value if math.isfinite(value) else None


def judged(number: int) -> dict[str, object]:
    """Every figure of one curve."""
    one = curve(number)
    index = pd.DatetimeIndex(one.days)
    returns, benchmark = pd.Series(one.returns, index=index), pd.Series(one.benchmark, index=index)
    said: dict[str, object] = {name: plain(getattr(qs, name)(returns)) for name in PLAIN}
    said["cvar_historical"] = plain(qs.conditional_value_at_risk(returns, method="historical"))
    greeks = qs.greeks(returns, benchmark)
    said["alpha"], said["beta"] = plain(greeks["alpha"]), plain(greeks["beta"])
    said["r_squared"] = plain(qs.r_squared(returns, benchmark))
    said["information_ratio"] = plain(qs.information_ratio(returns, benchmark))
    rolling = qs.rolling_sharpe(returns, rolling_period=20)
    said["rolling_sharpe_20"] = [plain(each) for each in rolling.iloc[:: max(1, len(rolling) // 5)]]
    details = qs.drawdown_details(qs.to_drawdown_series(returns))
    said["longest_fall"] = None if details.empty else int(details["days"].max())
    months = qs.monthly_returns(returns)
    said["monthly"] = {str(year): [plain(each) for each in row] for year, row in months.iterrows()}
    return said


def main() -> None:
    """Judge all and write."""
    warnings.simplefilter("ignore")
    golden = {"quantstats": qs.__dict__.get("__version__", "0.0.86"), "curves": [judged(n) for n in range(COUNT)]}
    (HERE / "quantstats.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
