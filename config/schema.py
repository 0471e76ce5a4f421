"""The whole of the settings, assembled from their sections; bounds are in the types, defaults in `base.yaml`."""

from msgspec import Struct

from config.sections.connection import FeedSettings, KiteSettings, SandboxSettings
from config.sections.output import AdminSettings, AlertSettings, LogSettings, RecorderSettings, ReportSettings
from config.sections.reconcile import PostbackSettings, ReconcileSettings
from config.sections.trading import (
    DrillSettings,
    MarketSettings,
    OrderSettings,
    PortfolioSettings,
    RiskSettings,
    ScheduleSettings,
    StrategySettings,
)
from config.types import FolderName, StrategyId


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting of a run. Money is in 1/10,000 rupee, times of day are India's, seconds say which clock."""

    data_dir: FolderName
    reports_dir: FolderName
    kite: KiteSettings
    sandbox: SandboxSettings
    market: MarketSettings
    feed: FeedSettings
    risk: RiskSettings
    orders: OrderSettings
    reconcile: ReconcileSettings
    postbacks: PostbackSettings
    portfolio: PortfolioSettings
    schedule: ScheduleSettings
    strategies: dict[StrategyId, StrategySettings]
    drills: DrillSettings
    logs: LogSettings
    reports: ReportSettings
    recorder: RecorderSettings
    admin: AdminSettings
    alerts: AlertSettings
