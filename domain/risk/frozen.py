"""What is frozen, by whom and why: it thaws when nobody has a reason any more."""

from __future__ import annotations


class Frozen:
    """By name (a strategy, an `EXCHANGE:SYMBOL`): who froze it, and why.

    kept  as it is kept for a restart: name -> who -> why
    """

    def __init__(self, kept: dict[str, dict[str, str]] | None = None) -> None:
        self.kept = kept or {}

    def freeze(self, name: str, why: str, by: str) -> bool:
        """Whether this is news: it was not frozen by `by` yet."""
        reasons = self.kept.setdefault(name, {})
        if by in reasons:
            return False
        reasons[by] = why
        return True

    def thaw(self, name: str, by: str) -> bool:
        """Whether something ended: `by` had frozen it; an empty `by` ends every reason."""
        reasons = self.kept.get(name, {})
        ended = list(reasons) if not by else [by] if by in reasons else []
        for each in ended:
            del reasons[each]
        if not reasons:
            self.kept.pop(name, None)
        return bool(ended)

    def why(self, name: str) -> str | None:
        """Every reason that lasts; None where it is not frozen."""
        reasons = self.kept.get(name)
        return "; ".join(reasons.values()) if reasons else None

    def reasons(self) -> dict[str, str]:
        """Name -> why, for a person."""
        return {name: "; ".join(reasons.values()) for name, reasons in self.kept.items()}
