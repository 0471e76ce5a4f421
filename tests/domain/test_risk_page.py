import re
from pathlib import Path

from domain.messages.orders import DenyReason

PAGE = Path(__file__).parents[2] / "docs" / "risk.md"


def test_the_page_has_a_row_per_reason_in_the_order_of_the_checks() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [reason.name for reason in DenyReason]
