"""Who is befallen by which fault: matchers, and dice thrown from the seed.

Deciding is a function of the seed, the fault's number and the order of what matched it: the same requests in the same
order meet the same faults, whatever the wall clock does.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from sandbox.faults import CLOCK, METHODS, SOCKET, UPDATE, AnyFault, Latency, snake
from sandbox.trading_days import IST, NS, at, day_of

_DAY_NS = 86_400 * NS


class Armed:
    """A fault in force: its number, its own dice, and how often it matched and struck."""

    def __init__(self, number: int, fault: AnyFault, seed: int) -> None:
        self.number = number
        self.fault = fault
        self.dice = random.Random(f"{seed}/{number}")
        self.matched = 0
        self.struck = 0
        self._route = _compile(fault)
        self._since = _moment(fault.since, "since")
        self._until = _moment(fault.until, "until")

    @property
    def domain(self) -> str:
        """What it befalls: REST, WS, UPDATE or CLOCK."""
        return self._route.domain

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.fault.next is not None and self.struck >= self.fault.next

    def in_force(self, now_ns: int) -> bool:
        """Whether market time lies in its window."""
        return (self._since is None or self._since <= _on(self._since, now_ns)) and (
            self._until is None or _on(self._until, now_ns) < self._until
        )

    def fits(self, method: str, path: str) -> bool:
        """Whether a request's route is meant."""
        return self._route.fits(method, path)

    def strikes(self, fields: Mapping[str, str], now_ns: int) -> bool:
        """Whether it befalls something that its route matches. Draws once for each match in its window."""
        if self.spent or not self.in_force(now_ns):
            return False
        if any(fields.get(name) != value for name, value in self.fault.where.items()):
            return False
        self.matched += 1
        if self.matched <= self.fault.after or self.dice.random() >= self.fault.probability:
            return False
        self.struck += 1
        return True


class Faults:
    """The faults in force, in the order in which they were set; the first that answers a request wins."""

    def __init__(self, seed: int, now_ns: Callable[[], int], faults: Iterable[AnyFault] = ()) -> None:
        self._seed = seed
        self._now_ns = now_ns
        self._numbers = 0
        self._armed: dict[int, Armed] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: AnyFault) -> int:
        """Put a fault in force; its number. Raises ValueError when its route or times make no sense."""
        armed = Armed(self._numbers + 1, fault, self._seed)
        self._numbers += 1
        self._armed[armed.number] = armed
        return armed.number

    def replace(self, faults: Sequence[AnyFault]) -> list[int]:
        """These instead of all others; numbers, and with them the dice, begin again. All or none."""
        for number, fault in enumerate(faults, start=1):
            Armed(number, fault, self._seed)
        self._numbers = 0
        self._armed.clear()
        return [self.add(fault) for fault in faults]

    def remove(self, number: int | None = None) -> bool:
        """Lift one fault, or all; whether there was such a one."""
        if number is None:
            self._armed.clear()
            return True
        return self._armed.pop(number, None) is not None

    def rows(self) -> list[dict[str, object]]:
        """Each fault as it was given, with its number, how often it matched and how often it struck."""
        return [
            {
                "id": armed.number,
                "matched": armed.matched,
                "struck": armed.struck,
                **msgspec.to_builtins(armed.fault),
                "route": armed.fault.route or armed.fault.default_route,
            }
            for armed in self._armed.values()
        ]

    def for_request(self, method: str, path: str, fields: Mapping[str, str]) -> list[Armed]:
        """What befalls a request: all that alter it, and the first that answers it. Others are not drawn."""
        now = self._now_ns()
        found: list[Armed] = []
        answered = False
        for armed in self._armed.values():
            if armed.domain != "REST" or not armed.fits(method, path) or (answered and not armed.fault.alters):
                continue
            if armed.strikes(fields, now):
                found.append(armed)
                answered = answered or not armed.fault.alters
        return found

    def for_socket(self) -> list[Armed]:
        """Faults of sockets that may strike now; each is to be asked once for each socket."""
        now = self._now_ns()
        return [armed for armed in self._armed.values() if armed.domain == SOCKET and armed.in_force(now)]

    def holds(self, armed: Armed) -> bool:
        """Whether a fault that struck a socket is still in force: not lifted, and in its window."""
        return self._armed.get(armed.number) is armed and armed.in_force(self._now_ns())

    def for_update(self, fields: Mapping[str, str]) -> Armed | None:
        """The first fault that befalls an order update."""
        now = self._now_ns()
        return next((one for one in self._armed.values() if one.domain == UPDATE and one.strikes(fields, now)), None)

    def due(self) -> list[Armed]:
        """Faults of market time that strike now."""
        now = self._now_ns()
        return [one for one in self._armed.values() if one.domain == CLOCK and one.strikes({}, now)]


def delay_seconds(fault: Latency, dice: random.Random) -> float:
    """One delay of a latency's distribution, in seconds, at most its maximum."""
    mean = fault.milliseconds
    if fault.distribution == "uniform":
        drawn = dice.uniform(0, 2 * mean)
    elif fault.distribution == "exponential":
        drawn = dice.expovariate(1 / mean) if mean else 0.0
    elif fault.distribution == "lognormal":
        drawn = mean * dice.lognormvariate(-0.5, 1.0)  # sigma 1: the mean is exp(mu + 1/2)
    else:
        drawn = mean
    return min(drawn, fault.maximum) / 1000


class _Route(Struct, frozen=True):
    domain: str
    method: str | None = None
    parts: tuple[str, ...] | None = None

    def fits(self, method: str, path: str) -> bool:
        if self.method is not None and method != self.method:
            return False
        if self.parts is None:
            return True
        given = tuple(path.strip("/").split("/"))
        if self.parts[-1] == "**":
            head = self.parts[:-1]
            return len(given) >= len(head) and _same(head, given[: len(head)])
        return len(given) == len(self.parts) and _same(self.parts, given)


def _same(pattern: Sequence[str], given: Sequence[str]) -> bool:
    return all(want in ("*", got) for want, got in zip(pattern, given, strict=True))


def _compile(fault: AnyFault) -> _Route:
    text = (fault.route or fault.default_route).strip()
    kind = snake(type(fault).__name__)
    if text in (SOCKET, UPDATE, CLOCK):
        route = _Route(text)
    else:
        method, _, path = text.partition(" ") if text.split(" ")[0] in METHODS else (None, "", text)
        path = path.strip()
        if path not in ("", "*") and not path.startswith("/"):
            raise ValueError(f"{kind}: route: METHOD /path, WS, UPDATE or CLOCK, found {text!r}")
        route = _Route("REST", method, None if path in ("", "*") else tuple(path.strip("/").split("/")))
    if route.domain not in fault.domains:
        raise ValueError(f"{kind}: route: this fault befalls {' or '.join(sorted(fault.domains))}, found {text!r}")
    return route


def _moment(text: str | None, name: str) -> int | None:
    """Market time as nanoseconds: since 1970 for a full one, since IST midnight for a time of day."""
    if text is None:
        return None
    for form in ("%H:%M:%S", "%H:%M"):
        try:
            clock = datetime.strptime(text, form)  # noqa: DTZ007 - a time of day, no instant
        except ValueError:
            continue
        return (clock.hour * 3600 + clock.minute * 60 + clock.second) * NS
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=IST)
    except ValueError:
        raise ValueError(f"{name}: HH:MM[:SS] or YYYY-MM-DD HH:MM:SS, found {text!r}") from None
    return int(moment.timestamp()) * NS


def _on(bound: int, now_ns: int) -> int:
    """`now_ns` in the bound's terms: whole for an instant, since IST midnight for a time of day."""
    return now_ns if bound >= _DAY_NS else now_ns - at(day_of(now_ns), 0)
