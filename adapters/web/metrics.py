"""What Prometheus reads: made from what the dashboard knows, each time it asks. Names end in their unit.

Nothing is counted on the trader's paths for this: orders and their stages come from its journal, everything else from
what it tells of itself once a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.meter import COMMIT_SECONDS, Work

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STAGE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of an order's stages, market seconds."""
STATES: Final = ("DOWN", "STARTING", "ACTIVE", "REDUCING", "HALTED")


class ActorFigures(Struct, frozen=True):
    """One actor: from the live tree."""

    name: str
    up: bool
    restarts: int
    hung: int
    depth: int
    oldest_seconds: float
    handled: int
    conflated: int
    dropped: int
    dead_letters: int


class StageFigures(Struct, frozen=True):
    """How long orders took for one stage: cumulative counts by STAGE_SECONDS, and their sum."""

    stage: str
    counts: tuple[int, ...]
    count: int
    total_seconds: float


class ProcessFigures(Struct, frozen=True):
    """What the trader's process takes of the machine. cpu_seconds: of processor time since it started."""

    resident_bytes: int
    cpu_seconds: float
    threads: int
    open_files: int


class Figures(Struct, frozen=True):
    """Everything that is exported. Money in rupees.

    results  (strategy, realised, unrealised, charges); the account has the empty name
    limits   (name, share that is used)
    unseen   (level, alerts that nobody acknowledged)
    """

    env: str
    state: str
    age_seconds: float | None
    orders: tuple[tuple[str, int], ...]
    open_orders: int
    unresolved: int
    trades: int
    journal_seq: int
    feed_connected: bool | None
    feed_age_seconds: float | None
    feed_frames: int
    actors: tuple[ActorFigures, ...]
    results: tuple[tuple[str, float, float, float], ...]
    limits: tuple[tuple[str, float], ...]
    unseen: tuple[tuple[str, int], ...]
    stages: tuple[StageFigures, ...]
    log_bytes: int
    process: ProcessFigures | None = None
    disk_free_bytes: int | None = None
    work: Work | None = None


def exposition(figures: Figures) -> bytes:
    """The text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now(figures))
    return generate_latest(registry)


class _Now(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures
        yield from _trader(figures)
        yield from _actors(figures.actors)
        yield from _money(figures)
        yield from _stages(figures.stages)
        yield from _machine(figures)


def _trader(figures: Figures) -> Iterator[Metric]:
    yield _one("patang_up", "1 while a trader runs", int(figures.state != "DOWN"))
    state = GaugeMetricFamily("patang_trading_state", "1 for the state that trading is in", labels=("state",))
    for name in STATES:
        state.add_metric((name,), int(name == figures.state))
    yield state
    if figures.age_seconds is not None:
        yield _one("patang_status_age_seconds", "Since the trader last told of itself", figures.age_seconds)
    yield _many("patang_orders", "Orders in the journal by their state", "state", figures.orders)
    yield _one("patang_open_orders", "Orders that are not final", figures.open_orders)
    yield _one("patang_unresolved_orders", "Orders that nothing is proved of", figures.unresolved)
    yield _count("patang_trades", "Trades booked", figures.trades)
    yield _count("patang_journal_events", "Events committed to the journal", figures.journal_seq)
    if figures.feed_connected is not None:
        yield _one("patang_feed_connected", "1 while the ticker's socket is open", int(figures.feed_connected))
        yield _count("patang_feed_frames", "Frames of this life of the feed", figures.feed_frames)
    if figures.feed_age_seconds is not None:
        yield _one("patang_feed_age_seconds", "Since the last frame with prices", figures.feed_age_seconds)
    yield _many("patang_unseen_alerts", "Alerts that nobody has acknowledged", "level", figures.unseen)
    yield _one("patang_log_file_bytes", "Size of the newest log file", figures.log_bytes)


def _actors(actors: tuple[ActorFigures, ...]) -> Iterator[Metric]:
    gauges = (
        ("patang_actor_up", "1 while the actor is up", "up"),
        ("patang_mailbox_depth_messages", "Messages waiting", "depth"),
        ("patang_mailbox_oldest_seconds", "How long the oldest has waited", "oldest_seconds"),
    )
    counters = (
        ("patang_actor_restarts", "Starts after the first", "restarts"),
        ("patang_actor_hangs", "Lives given up as hung", "hung"),
        ("patang_mailbox_handled_messages", "Messages handled", "handled"),
        ("patang_mailbox_conflated_messages", "Messages replaced by a newer one", "conflated"),
        ("patang_mailbox_dropped_messages", "Messages that made way", "dropped"),
        ("patang_dead_letters", "Messages that nobody took", "dead_letters"),
    )
    for name, text, field in gauges:
        yield _many(name, text, "actor", ((each.name, getattr(each, field)) for each in actors))
    for name, text, field in counters:
        family = CounterMetricFamily(name, text, labels=("actor",))
        for each in actors:
            family.add_metric((each.name,), getattr(each, field))
        yield family


def _money(figures: Figures) -> Iterator[Metric]:
    result = GaugeMetricFamily(
        "patang_result_rupees", "Result of the day; the account has no strategy", labels=("strategy", "part")
    )
    for strategy, realised, unrealised, charges in figures.results:
        parts = (
            ("realised", realised),
            ("unrealised", unrealised),
            ("charges", charges),
            ("net", realised + unrealised - charges),
        )
        for part, value in parts:
            result.add_metric((strategy, part), value)
    yield result
    yield _many("patang_limit_used_ratio", "Share of a limit that is used", "limit", figures.limits)


def _stages(stages: tuple[StageFigures, ...]) -> Iterator[Metric]:
    family = HistogramMetricFamily(
        "patang_order_stage_seconds", "Market seconds of an order's stage", labels=("stage",)
    )
    for each in stages:
        buckets = [(str(bound), float(count)) for bound, count in zip(STAGE_SECONDS, each.counts, strict=True)]
        family.add_metric((each.stage,), [*buckets, ("+Inf", float(each.count))], each.total_seconds)
    yield family


def _machine(figures: Figures) -> Iterator[Metric]:
    if figures.disk_free_bytes is not None:
        yield _one("patang_disk_free_bytes", "Left where the data lie", figures.disk_free_bytes)
    if figures.work is not None:
        yield from _work(figures.work)
    process = figures.process
    if process is not None:
        yield _one("patang_process_resident_memory_bytes", "Memory of the trader's process", process.resident_bytes)
        yield _count("patang_process_cpu_seconds", "Processor time of the trader's process", process.cpu_seconds)
        yield _one("patang_process_threads", "Threads of the trader's process", process.threads)
        yield _one("patang_process_open_files", "Descriptors of the trader's process", process.open_files)


def _work(work: Work) -> Iterator[Metric]:
    replies = CounterMetricFamily("patang_api_replies", "Whole replies of the broker", labels=("call", "status"))
    for words, count in sorted(work.replies.items()):
        call, _, status = words.rpartition(" ")
        replies.add_metric((call, status), count)
    yield replies
    commits = HistogramMetricFamily("patang_journal_commit_seconds", "Wall seconds until a commit was durable")
    running = list(accumulate(work.commits))
    names = [*(str(bound) for bound in COMMIT_SECONDS), "+Inf"]
    commits.add_metric((), list(zip(names, map(float, running), strict=True)), work.commit_seconds)
    yield commits


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _count(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def _many(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values:
        family.add_metric((key,), value)
    return family
