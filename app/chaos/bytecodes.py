"""Every bytecode of chosen files as a place to die: counts them as they run in the simulation, and stops at one.

A seed replays exactly, so the n-th bytecode of a run is the n-th of every run of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Hashable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from app.options import ROOT

if TYPE_CHECKING:
    from actors.runtime.simulation import SimulationRuntime

ORDER_PATH: Final = (
    "actors/orders.py",
    "actors/desk.py",
    "actors/changing.py",
    "actors/gtts.py",
    "actors/gateway.py",
    "actors/risk.py",
    "actors/folding.py",
    "actors/runtime/gate.py",
    "adapters/store/journal.py",
    "domain/orders/",
)
"""Files, and folders, between a decision and what is known of its order."""


Traced = Callable[[FrameType, str, Any], "Traced | None"]
"""What sys.settrace takes."""


class Place(Struct, frozen=True):
    """One bytecode as it ran. phase: where the order stood."""

    file: str
    function: str
    offset: int
    phase: str

    def __str__(self) -> str:
        return f"{self.file}:{self.function}+{self.offset} ({self.phase})"


class Meter:
    """Counts on the strands of one process, while it is open.

    paths    files, or folders that end in a slash, under the repository's root
    stop_at  the bytecode at which `reached` is called, before it runs; the first is 1; 0: none
    phase    told by whoever knows where the order stands; part of each place
    count    bytecodes so far
    places   of each of them, where asked to keep them
    moments  to each of them its moment, numbered from 0, where `moment` is given: what it returns has changed since
    """

    def __init__(
        self,
        paths: Collection[str],
        stop_at: int,
        reached: Callable[[], None],
        *,
        keep: bool,
        moment: Callable[[], Hashable] | None = None,
    ) -> None:
        self.count = 0
        self.phase = ""
        self.places: list[Place] = []
        self.moments: list[int] = []
        self.stopped_in: Place | None = None
        self._paths = tuple(str(ROOT / path) + ("/" if path.endswith("/") else "") for path in paths)
        self._stop_at = stop_at
        self._reached = reached
        self._keep = keep
        self._moment = moment
        self._latest: Hashable = None
        self._runtime: SimulationRuntime | None = None
        self._wanted: dict[CodeType, bool] = {}

    def open(self, runtime: SimulationRuntime) -> None:
        """Count from here on, on this process's actors."""
        self._runtime = runtime
        runtime.on_resume = self._follow
        self._follow()

    def close(self) -> None:
        """Count no more."""
        if self._runtime is not None:
            self._runtime.on_resume = None
            self._runtime = None
        sys.settrace(None)

    def _follow(self) -> None:
        # Each greenlet is traced, or not, for itself.
        sys.settrace(None if self._runtime is None else self._called)

    def _called(self, frame: FrameType, _event: str, _arg: Any) -> Traced | None:  # noqa: ANN401 - as sys.settrace has it
        code = frame.f_code
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._wanted[code] = code.co_filename.startswith(self._paths)
        runtime = self._runtime
        if not wanted or runtime is None or "#" not in runtime.running:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._ran

    def _ran(self, frame: FrameType, event: str, _arg: Any) -> Traced | None:  # noqa: ANN401 - as above
        if self._runtime is None:
            return None
        if event == "opcode":
            self.count += 1
            if self._keep:
                self.places.append(self._place(frame))
            if self._moment is not None:
                self._note_moment(self._moment())
            if self.count == self._stop_at:
                self.stopped_in = self._place(frame)
                self._reached()
        return self._ran

    def _note_moment(self, seen: Hashable) -> None:
        former = self.moments[-1] if self.moments else -1
        self.moments.append(former if seen == self._latest else former + 1)
        self._latest = seen

    def _place(self, frame: FrameType) -> Place:
        code = frame.f_code
        return Place(code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname, frame.f_lasti, self.phase)
