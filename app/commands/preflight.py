"""`preflight`: the checklist before a trading day, from any terminal, whether a trader runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from adapters.clock import MonotonicClock
from adapters.kite.account import Addresses
from adapters.kite.instruments import Catalog
from adapters.standing_in import market_clock_at, sandbox_at
from app.account import addresses_of, kite_account, require_account
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, print_json, print_table
from app.preflight import Asked, checklist
from app.sandboxed import LocalSandbox
from app.strategies import Cast, cast_of
from app.world import folders
from config.loader import Loaded
from domain.calendar import SessionCalendar
from domain.preflight import Verdict, worst
from domain.values import ist


def run(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Ask for everything that a trading day needs; exit status 1 where a line failed."""
    loaded = load_settings(env, config, sets)
    require_account(loaded)
    with _asked(loaded) as asked:
        checks = checklist(asked)
        day = ist(asked.clock.now_ns()).date()
    verdict = worst(checks)
    if as_json:
        print_json({"environment": env, "day": day.isoformat(), "verdict": verdict.value, "checks": checks})
    else:
        rows = [(each.name, each.verdict.value, each.says, each.act) for each in checks]
        print_table(f"Preflight of {env}, {day:%A %d %B %Y}: {verdict.value}", ("", "", "Found", "Do"), rows)
    return FAILED if verdict is Verdict.FAIL else DONE


@contextmanager
def _asked(loaded: Loaded) -> Iterator[Asked]:
    """The account as the settings describe it; at the local sandbox, with one started for the purpose."""
    settings = loaded.settings
    with ExitStack() as stack:
        addresses = addresses_of(settings)
        ours = addresses is None
        if addresses is None:
            started = stack.enter_context(LocalSandbox(settings.sandbox)).address
            addresses = Addresses(started.rest, started.ws, started.login_url.partition("?")[0])
        control, monotonic = sandbox_at(addresses.rest_url), MonotonicClock()
        clock = market_clock_at(addresses.rest_url, control, monotonic)
        data = folders(loaded).data
        # A sandbox started here must not touch the session of a trader at another.
        kept = data / "preflight" if ours else data
        account = kite_account(settings, addresses, kept, clock, monotonic, _quiet)
        session = account.session()
        stack.callback(session.close)

        def cast() -> Cast:
            with closing(account.instruments()) as source:
                return cast_of(loaded, Catalog(source.load(ist(clock.now_ns()).date())))

        yield Asked(
            settings=settings,
            rest_url=addresses.rest_url,
            clock=clock,
            calendar=SessionCalendar(fallback_weekdays=control is not None),
            login=session.open,
            cast=cast,
            # On paper there is no account to ask: the settings say with how much is pretended.
            broker=None if loaded.env == "paper" else account.broker,
            history=account.history,
            data=data,
        )


def _quiet(level: str, event: str, /, **keys: object) -> None:
    """The checklist is on the terminal."""
