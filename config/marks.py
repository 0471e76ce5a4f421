"""When a changed key takes effect: the mark of every key, in one table.

Each section names its own keys here, none by a pattern: a key that is added without a mark fails a test.
"""

import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Final, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from config.schema import Settings
from config.sections import connection, managed, output, reconcile, trading


class Mark(Enum):
    """LIVE: at once, while it trades. NEXT_SESSION: kept until the program starts its next trading day.

    RESTART: likewise, and a reload says so as a warning, since nothing but a restart brings it in (addresses, accounts,
    folders, threads).
    """

    LIVE = "live"
    NEXT_SESSION = "next session"
    RESTART = "restart"


LIVE, NEXT_SESSION, RESTART = Mark.LIVE, Mark.NEXT_SESSION, Mark.RESTART

MARKS: Final[Mapping[type[Struct], Mapping[Mark, str]]] = {
    Settings: {RESTART: "data_dir reports_dir"},
    connection.KiteSettings: {
        RESTART: "api_key api_secret user_id password totp access_token rest_url ws_url login_url route_prefix "
        "ws_user_id redirect_port token_command token_command_timeout_seconds connect_timeout_seconds "
        "read_timeout_seconds",
    },
    connection.Pacing: {RESTART: "orders_per_second historical_per_second quote_per_second other_per_second"},
    connection.SandboxSettings: {
        NEXT_SESSION: "speed seed instruments date opening_cash hold market_protection relax",
    },
    connection.FeedSettings: {
        RESTART: "mode stale_after_seconds quiet_after_seconds connect_timeout_seconds backoff_min_seconds "
        "backoff_max_seconds backoff_jitter instruments_max",
    },
    trading.MarketSettings: {RESTART: "bar_grace_seconds stale_price_seconds"},
    trading.RiskSettings: {
        LIVE: "max_quantity_per_order max_value_per_order slices_max orders_per_second orders_per_minute "
        "orders_per_day strategy_orders_per_second strategy_orders_per_minute strategy_orders_per_day "
        "exits_reserved_share repeat_seconds modifications_per_order open_orders_per_instrument "
        "open_orders_per_strategy open_orders max_position_quantity max_position_value_per_instrument "
        "underlying_exposure_max strategy_exposure_max product_exposure_max segment_exposure_max net_exposure_max "
        "gross_exposure_max concentration_max_percent daily_loss_max strategy_daily_loss_max day_drawdown_max "
        "drawdown_max profit_lock_from profit_giveback_percent losses_in_a_row cool_down_minutes trades_per_day "
        "stale_price_seconds stale_feed_seconds unresolved_orders_max price_band_percent circuit_margin_percent "
        "market_protection_max_percent expiry_day_cutoff physical_settlement_sessions index_underlyings "
        "margin_percent_mis margin_percent_cnc margin_percent_nrml margin_percent_mtf margin_percent_short_option "
        "margin_buffer_percent allowed_products allowed_exchanges banned",
        RESTART: "ask_broker margin_differs_percent warn_at_percent",
        # Part of what is known of an instrument, which is the same all day.
        NEXT_SESSION: "freeze_quantities",
    },
    trading.OrderSettings: {
        LIVE: "poll_seconds reconcile_seconds market_order_patience_seconds intent_valid_seconds market_protection "
        "market_as_limit_percent cancel_open_on_stop",
        # What is unresolved already is looked for as long as was said when it became so.
        NEXT_SESSION: "quarantine_seconds",
    },
    trading.Workers: {RESTART: "entries exits reads"},
    reconcile.ReconcileSettings: {
        LIVE: "positions_seconds funds_seconds confirm_seconds update_grace_seconds price_tolerance funds_tolerance",
    },
    reconcile.PolicySettings: {
        LIVE: "missed_fill unknown_order external_order missing_order broker_square_off external_position "
        "external_short quantity_drift price_drift holding_drift funds_drift",
    },
    reconcile.PostbackSettings: {RESTART: "enabled host port path"},
    trading.PortfolioSettings: {NEXT_SESSION: "opening_cash"},
    # The day's jobs are laid out as it begins; the cut-offs for entries go with them.
    trading.ScheduleSettings: {
        NEXT_SESSION: "login_reminder instruments_refresh preflight eod_report evening_minutes backups_keep "
        "session_expiry",
    },
    trading.TimesByClass: {NEXT_SESSION: "equity_auction equity equity_derivative currency commodity"},
    trading.StrategySettings: {
        LIVE: "kind instruments interval capital quantity parameters product enabled on_removal checks checks_data "
        "isolation",
    },
    trading.HandOver: {LIVE: "hand_over"},
    trading.SizingSettings: {
        LIVE: "kind value percent bars stop_percent win_rate payoff fraction cap_percent",
    },
    managed.ExitSettings: {
        LIVE: "hold stop_percent target_percent trail_percent minutes limit_percent gap_seconds patience_seconds "
        "taken_away",
    },
    managed.ExecutionSettings: {
        LIVE: "style slippage_percent reprice_seconds patience_seconds minutes slices",
    },
    trading.DrillSettings: {NEXT_SESSION: "drop_feed_at crash_strategy_at"},
    output.LogSettings: {
        RESTART: "level file_level console colour file_max_megabytes file_keep_megabytes file_keep_days",
    },
    output.ReportSettings: {NEXT_SESSION: "equity_interval_seconds parity parity_seconds"},
    output.RecorderSettings: {NEXT_SESSION: "enabled max_megabytes keep_days"},
    output.AdminSettings: {RESTART: "host port names allow_remote certificate private_key"},
    output.AlertSettings: {RESTART: "repeat_after_seconds heartbeat_seconds heartbeat_url"},
    output.ChannelSettings: {RESTART: "level quiet_from quiet_until per_hour digest_minutes url"},
}
"""Every section, and under which mark each of its keys stands. Keys that are sections themselves have none."""


def mark_of(path: str) -> Mark:
    """The mark of a dotted key path, such as `risk.daily_loss_max` or `strategies.mine.parameters.fast`.

    A section, a strategy or a channel as a whole has the mark that is hardest to satisfy among its keys; what has
    optional keys of its own (`strategies.mine.exits`) likewise. Raises KeyError for a path that is no setting.
    """
    at: object = Settings
    keys = path.split(".")
    for number, key in enumerate(keys):
        struct = _struct_of(at)
        if struct is None:
            raise KeyError(path)
        fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
        if key not in fields:
            raise KeyError(path)
        own = _marked(struct).get(key)
        if own is not None:
            return own  # whatever lies inside (a parameter, a freeze quantity) has the mark of the whole
        at = fields[key]
        values = _values_of(at)
        if values is not None:
            if number + 1 == len(keys):
                return _hardest(values)
            del keys[number + 1]
            return _below(values, keys[number + 1 :], path)
    return _hardest(at)


def every_mark() -> Iterator[tuple[str, Mark]]:
    """Every key path of the schema with its mark; names that a user chooses stand as `*`. Raises KeyError for a key
    without one.
    """
    yield from _every(Settings, "")


def _below(struct: object, keys: list[str], path: str) -> Mark:
    at = struct
    for key in keys:
        inner = _struct_of(at)
        if inner is None:
            raise KeyError(path)
        own = _marked(inner).get(key)
        if own is not None:
            return own
        fields = {field.name: field.type for field in msgspec.structs.fields(inner)}
        if key not in fields:
            raise KeyError(path)
        at = fields[key]
    return _hardest(at)


def _every(struct: type[Struct], path: str) -> Iterator[tuple[str, Mark]]:
    marked = _marked(struct)
    for field in msgspec.structs.fields(struct):
        here = f"{path}.{field.name}" if path else field.name
        inner, values = _struct_of(field.type), _values_of(field.type)
        if field.name in marked:
            yield here, marked[field.name]
        elif values is not None:
            yield from _every(values, f"{here}.*")
        elif inner is not None:
            yield from _every(inner, here)
        else:
            raise KeyError(f"{here}: no mark in config/marks.py")


@cache
def _marked(struct: type[Struct]) -> Mapping[str, Mark]:
    return {name: mark for mark, names in MARKS[struct].items() for name in names.split()} if struct in MARKS else {}


def _hardest(at: object) -> Mark:
    struct = _struct_of(at)
    assert struct is not None, f"{at} is no section"
    found = [mark for _, mark in _every(struct, "")]
    return max(found, key=list(Mark).index)


def _struct_of(declared: object) -> type[Struct] | None:
    for option in _options(declared):
        if isinstance(option, type) and issubclass(option, Struct):
            return option
    return None


def _values_of(declared: object) -> type[Struct] | None:
    """Of a mapping from a user's names to sections: the section's type."""
    for option in _options(declared):
        if get_origin(option) is dict:
            return _struct_of(get_args(option)[1])
    return None


def _options(declared: object) -> Iterator[object]:
    if get_origin(declared) is Annotated:
        declared = get_args(declared)[0]
    if get_origin(declared) in {Union, types.UnionType}:
        for option in get_args(declared):
            yield from _options(option)
    else:
        yield declared
