"""The leaf types of settings: how a value is written in a file, and what it becomes in the program."""

from typing import Annotated, Final, Literal

from msgspec import Meta


class Secret:
    """A text that must not be shown: masked wherever it is printed, formatted or logged; `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        """Masked: `****`."""
        return MASK

    def __eq__(self, other: object) -> bool:
        """Equal when the texts are."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash(self._text)


MASK: Final = "****"


class RupeeUnit:
    """Marks an integer that files state in rupees and the program holds in 1/10,000 rupee."""


Rupees = Annotated[int, Meta(ge=0), RupeeUnit]
"""Money ≥ 0. In a file: rupees, as an integer or a decimal with at most four places. In the program: 1/10,000 rupee."""

Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
PerSecond = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]

InstrumentKey = Annotated[
    str, Meta(pattern=r"^(NSE|BSE|NFO|BFO|CDS|BCD|MCX):\S.*$", description="EXCHANGE:SYMBOL, such as NSE:INFY")
]
HttpUrl = Annotated[
    str, Meta(pattern=r"^https?://[^/\s]+(/\S*[^/\s])?$", description="an http(s) URL without a slash at its end")
]
SocketUrl = Annotated[str, Meta(pattern=r"^wss?://[^/\s]+(/\S*)?$", description="a ws(s) URL")]
RoutePrefix = Annotated[str, Meta(pattern=r"^(/\S*[^/\s])?$", description='empty, or a path such as "/oms"')]
FolderName = Annotated[str, Meta(min_length=1, description="a folder; relative ones lie beside run.py")]
ClassPath = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$",
        description="MODULE:CLASS, such as package.module:MyStrategy",
    ),
]
StrategyId = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="a name of up to 32 lower-case letters, digits and _"),
]

ChannelId = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="a name of up to 32 lower-case letters, digits and _"),
]

Interval = Literal[
    "minute", "3minute", "5minute", "10minute", "15minute", "30minute", "60minute", "day"
]  # fmt: skip  # Kite's own words for bar lengths
EnvironmentName = Literal["sandbox", "kite-sandbox", "paper", "live"]
