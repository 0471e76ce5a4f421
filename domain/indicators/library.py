"""TA-Lib, imported without the table packages that it would drag in wherever they are installed.

Its package imports polars and pandas, so as to take their columns: 0.4 s and 86 MB that a trading process has no use
for, and a wrapper in Python around every function. Ours are given arrays alone.
"""

from __future__ import annotations

import sys
from typing import Any, Final

TABLES: Final = ("polars", "pandas")


def talib_modules() -> tuple[Any, Any]:
    """TA-Lib's `abstract` and `stream`. Table packages that somebody has imported already stay as they are."""
    hidden = [name for name in TABLES if name not in sys.modules] if "talib" not in sys.modules else []
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's word for: there is no such package
    try:
        from talib import abstract, stream
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
    return abstract, stream
