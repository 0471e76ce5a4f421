"""The instruments that are traded: more may be added while they are read, none is ever changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from domain.values import Instrument


class Listing(Mapping[int, Instrument]):
    """Instruments by token; `by_key` has the same ones by `EXCHANGE:SYMBOL`. Whoever iterates sees one moment's."""

    def __init__(self, instruments: Mapping[int, Instrument]) -> None:
        self._by_token = dict(instruments)
        self._by_key = {each.key: each for each in instruments.values()}
        self.by_key: Mapping[str, Instrument] = _ByKey(self)

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Those that are not known yet. One caller at a time; readers need not wait."""
        new = [each for each in instruments if each.token not in self._by_token]
        if new:
            # Replaced, not changed: who iterates goes on over what was there.
            self._by_key = {**self._by_key, **{each.key: each for each in new}}
            self._by_token = {**self._by_token, **{each.token: each for each in new}}

    def __getitem__(self, token: int) -> Instrument:
        """The instrument. Raises KeyError."""
        return self._by_token[token]

    def __iter__(self) -> Iterator[int]:
        """Tokens, oldest first."""
        return iter(self._by_token)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_token)


class _ByKey(Mapping[str, Instrument]):
    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def __getitem__(self, key: str) -> Instrument:
        return self._listing._by_key[key]  # noqa: SLF001 - two views of one thing

    def __iter__(self) -> Iterator[str]:
        return iter(self._listing._by_key)  # noqa: SLF001 - as above

    def __len__(self) -> int:
        return len(self._listing)


def by_key(instruments: Mapping[int, Instrument]) -> Mapping[str, Instrument]:
    """The same instruments by key; of a Listing, those that are added later as well."""
    return instruments.by_key if isinstance(instruments, Listing) else {each.key: each for each in instruments.values()}
