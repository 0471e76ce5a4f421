"""What stands on each of Grafana's dashboards: a row for each panel, with the question that it answers."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"
LOGS: Final = '{job="patang"} | json'
ABOVE_ZERO: Final = ((0, GREEN), (1, RED))
UP: Final = ((0, RED), (1, GREEN))


class Panel(Struct, frozen=True):
    """One panel.

    expressions  PromQL, or LogQL where `source` is loki; each runs as it stands, without Grafana's variables
    says         what it means and what to do, shown behind the panel's "i"
    width        of 24 columns
    levels       (from this value, colour), the first one's value is ignored
    words        (value, what to show for it)
    """

    title: str
    kind: str
    expressions: tuple[str, ...]
    says: str
    width: int = 12
    height: int = 8
    legend: str = ""
    unit: str = "short"
    levels: tuple[tuple[float, str], ...] = ()
    words: tuple[tuple[float, str], ...] = ()
    most: float | None = None
    source: str = "prometheus"


class Board(Struct, frozen=True):
    """One dashboard: `name` is its file's and its address's."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def _stat(title: str, expression: str, says: str, **more: object) -> Panel:
    return Panel(title, "stat", (expression,), says, width=4, height=4, **more)  # type: ignore[arg-type]  # fields by name


def _logs(title: str, condition: str, says: str) -> Panel:
    return Panel(title, "logs", (f"{LOGS} | {condition}",), says, width=24, height=10, source="loki")


TRADING: Final = Board(
    "trading",
    "Patang: trading",
    (
        _stat(
            "State",
            "patang_trading_state == 1",
            "HALTED and REDUCING are red: the log says why.",
            legend="{{state}}",
            levels=((0, BLUE),),
        ),
        _stat(
            "Result of the day",
            "patang:result_rupees:net",
            "Rupees, after charges, of the whole account.",
            unit="currencyINR",
            levels=((0, RED), (0.005, GREEN)),
        ),
        _stat("Open orders", "patang_open_orders", "Orders that are not final yet.", levels=((0, BLUE),)),
        _stat(
            "Unresolved orders",
            "patang_unresolved_orders",
            "Nothing is proved of them: runbook, order.unresolved.",
            levels=ABOVE_ZERO,
        ),
        _stat("Trades", "patang_trades_total", "Booked today, once each.", levels=((0, BLUE),)),
        _stat(
            "Alerts nobody has seen",
            'sum(patang_unseen_alerts{level!="info"})',
            "Acknowledge them on the dashboard.",
            levels=ABOVE_ZERO,
        ),
        Panel(
            "Result by strategy",
            "timeseries",
            ('patang_result_rupees{part="net", strategy!=""}',),
            "Rupees, after charges.",
            legend="{{strategy}}",
            unit="currencyINR",
        ),
        Panel(
            "What the result is made of",
            "timeseries",
            ('patang_result_rupees{strategy="", part!="net"}',),
            "Rupees, of the account; charges are what they cost, so they count against it.",
            legend="{{part}}",
            unit="currencyINR",
        ),
        Panel(
            "Limits used",
            "bargauge",
            ("patang_limit_used_ratio",),
            "At 100 % the risk gate stops entries.",
            legend="{{limit}}",
            unit="percentunit",
            most=1,
            levels=((0, GREEN), (0.8, AMBER), (1, RED)),
        ),
        Panel("Orders by state", "timeseries", ("patang_orders",), "All orders of the journal.", legend="{{state}}"),
        Panel(
            "Trades a minute", "timeseries", ("patang:trades:rate1m * 60",), "Over the last minute.", legend="trades"
        ),
        Panel(
            "An order's stages: half are quicker",
            "timeseries",
            ("patang:order_stage_seconds:p50",),
            "Market seconds from station to station, over the life of the dashboard.",
            legend="{{stage}}",
            unit="s",
        ),
        Panel(
            "An order's stages: one in a hundred is slower",
            "timeseries",
            ("patang:order_stage_seconds:p99",),
            "claimed_to_acknowledged is the broker; decided_to_journaled and journaled_to_claimed are ours.",
            legend="{{stage}}",
            unit="s",
        ),
        Panel(
            "Refused by the risk gate, in five minutes",
            "timeseries",
            (f'sum by (reason) (count_over_time({LOGS} | event="strategy.denied" [5m]))',),
            "docs/risk.md has each reason.",
            legend="{{reason}}",
            source="loki",
        ),
        _logs(
            "Orders and alerts",
            'event=~"order\\\\.(intent|acknowledged|rejected|unresolved|trade|closed)|alert\\\\..+"',
            "The life of every order; `tag` leads through one.",
        ),
    ),
)

SYSTEM: Final = Board(
    "system",
    "Patang: system",
    (
        _stat(
            "Trader", "patang_up", "No trader runs: runbook, PatangDown.", levels=UP, words=((0, "down"), (1, "runs"))
        ),
        _stat(
            "Last word of it",
            "patang_status_age_seconds",
            "It tells of itself every second.",
            unit="s",
            levels=((0, GREEN), (5, AMBER), (15, RED)),
        ),
        _stat(
            "Feed", "patang_feed_connected", "The ticker's socket.", levels=UP, words=((0, "down"), (1, "connected"))
        ),
        _stat(
            "Last prices",
            "patang_feed_age_seconds",
            "Since the last frame with prices.",
            unit="s",
            levels=((0, GREEN), (10, AMBER), (30, RED)),
        ),
        _stat(
            "Dashboard scraped in",
            'scrape_duration_seconds{job="patang"}',
            "What Prometheus waits for.",
            unit="s",
            levels=((0, BLUE),),
        ),
        _stat(
            "Alerts firing",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            "Of Prometheus' rules: runbook.",
            levels=ABOVE_ZERO,
        ),
        Panel("Frames of the feed a second", "timeseries", ("patang:feed_frames:rate1m",), "", legend="frames"),
        Panel(
            "Age of the feed",
            "timeseries",
            ("patang_feed_age_seconds",),
            "Above 30 s an alert fires.",
            unit="s",
            legend="since the last prices",
        ),
        Panel("Events journaled a second", "timeseries", ("patang:journal_events:rate1m",), "", legend="events"),
        Panel(
            "Messages handled a second",
            "timeseries",
            ("patang:mailbox_handled:rate1m",),
            "By actor.",
            legend="{{actor}}",
        ),
        Panel(
            "Deepest mailboxes",
            "timeseries",
            ("topk(5, patang_mailbox_depth_messages)",),
            "Messages waiting; a mailbox that stays full belongs to an actor that lags.",
            legend="{{actor}}",
        ),
        Panel(
            "Size of the log",
            "timeseries",
            ("patang_log_file_bytes",),
            "The newest file; a new one begins at 0.",
            unit="bytes",
            legend="patang.jsonl",
        ),
        Panel(
            "Memory of the trader",
            "timeseries",
            ("patang_process_resident_memory_bytes",),
            "It stays flat over weeks.",
            legend="resident",
            unit="bytes",
        ),
        Panel(
            "Processor",
            "timeseries",
            ("rate(patang_process_cpu_seconds_total[1m])",),
            "1 is one core.",
            legend="cores",
        ),
        Panel(
            "Threads and open files",
            "timeseries",
            ("patang_process_threads", "patang_process_open_files"),
            "Both stay flat over weeks.",
            legend="{{__name__}}",
        ),
        Panel(
            "Disk left",
            "timeseries",
            ("patang_disk_free_bytes",),
            "Where the data lie. Below 1 GB an alert fires.",
            legend="free",
            unit="bytes",
        ),
        Panel(
            "Replies of the broker a minute",
            "timeseries",
            ("sum by (call, status) (rate(patang_api_replies_total[1m])) * 60",),
            "By call and status; 429 is too fast, 403 wants a login or an address.",
            legend="{{call}} {{status}}",
        ),
        Panel(
            "Commits of the journal",
            "timeseries",
            ("patang:journal_commit_seconds:p50", "patang:journal_commit_seconds:p99"),
            "Wall seconds until a commit was durable: the disk.",
            legend="{{__name__}}",
            unit="s",
        ),
        Panel(
            "Requests for orders: the slowest in five minutes",
            "timeseries",
            (f'max(max_over_time({LOGS} | event="order.posted" | unwrap milliseconds [5m]))',),
            "The broker's answer to one POST.",
            unit="ms",
            legend="slowest",
            source="loki",
        ),
        Panel(
            "Lines by level, in five minutes",
            "timeseries",
            ('sum by (level) (count_over_time({job="patang"} [5m]))',),
            "",
            legend="{{level}}",
            source="loki",
        ),
        Panel(
            "Warnings and errors",
            "logs",
            ('{job="patang", level=~"WARNING|ERROR|CRITICAL"} | json',),
            "docs/events.md says what each one means.",
            width=24,
            height=10,
            source="loki",
        ),
    ),
)

SUPERVISION: Final = Board(
    "supervision",
    "Patang: supervision",
    (
        _stat("Actors up", "sum(patang_actor_up)", "", levels=((0, BLUE),)),
        _stat("Actors down", "sum(1 - patang_actor_up)", "Runbook, PatangActorDown.", levels=ABOVE_ZERO),
        _stat("Restarts", "patang:actor_restarts:sum", "Since the trader started.", levels=((0, GREEN), (1, AMBER))),
        _stat("Hung", "sum(patang_actor_hangs_total)", "Lives given up as hung.", levels=ABOVE_ZERO),
        _stat(
            "Dead letters",
            "sum(patang_dead_letters_total)",
            "Messages that nobody took.",
            levels=((0, GREEN), (1, AMBER)),
        ),
        _stat(
            "Oldest message",
            "patang:mailbox_oldest_seconds:max",
            "Above 5 s an alert fires.",
            unit="s",
            levels=((0, GREEN), (1, AMBER), (5, RED)),
        ),
        Panel(
            "Up, by actor",
            "bargauge",
            ("patang_actor_up",),
            "0 is down.",
            legend="{{actor}}",
            height=14,
            most=1,
            levels=UP,
        ),
        Panel(
            "Restarts by actor",
            "bargauge",
            ("patang_actor_restarts_total",),
            "Since the trader started.",
            legend="{{actor}}",
            height=14,
            levels=((0, GREEN), (1, AMBER), (5, RED)),
        ),
        Panel(
            "Restarts in ten minutes",
            "timeseries",
            ("increase(patang_actor_restarts_total[10m])",),
            "Above 5 an alert fires.",
            legend="{{actor}}",
        ),
        Panel(
            "How long the oldest message waits",
            "timeseries",
            ("patang_mailbox_oldest_seconds",),
            "",
            unit="s",
            legend="{{actor}}",
        ),
        Panel("Messages waiting", "timeseries", ("patang_mailbox_depth_messages",), "", legend="{{actor}}"),
        Panel(
            "Replaced by a newer one, a second",
            "timeseries",
            ("rate(patang_mailbox_conflated_messages_total[1m])",),
            "Prices alone: an actor that conflates much sees the newest and skips the rest.",
            legend="{{actor}}",
        ),
        Panel(
            "Made way, a second",
            "timeseries",
            ("rate(patang_mailbox_dropped_messages_total[1m])",),
            "Data without a key, beyond the capacity.",
            legend="{{actor}}",
        ),
        _logs(
            "Lives and deaths",
            'event=~"child\\\\.(crashed|hung|restarted|gave_up)|supervisor\\\\..+|mailbox\\\\..+"',
            "docs/supervision.md.",
        ),
    ),
)

BOARDS: Final = (TRADING, SYSTEM, SUPERVISION)
