"""A tag per order, derived from the intent: the same decision can only ever have the same tag."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

TAG_LENGTH: Final = 20
"""Kite accepts at most 20 characters (kite-facts 2.2); letters and digits are safe everywhere."""


def tag_for(intent_id: str, leg: int = 0) -> str:
    """Twenty characters of [A-Z2-7] from SHA-256 of the intent id and leg: 95 bits, so no two ever meet."""
    digest = hashlib.sha256(f"{intent_id}/{leg}".encode()).digest()
    return "P" + base64.b32encode(digest).decode("ascii")[: TAG_LENGTH - 1]


def is_ours(tag: str) -> bool:
    """Whether a tag has the form of ours (another program's may have it too: the journal decides)."""
    return len(tag) == TAG_LENGTH and tag.startswith("P") and tag.isalnum() and tag.isupper()
