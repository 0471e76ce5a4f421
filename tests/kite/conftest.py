"""The official client is imported once, here: importing it while a test ends races with pytest's warning filters."""

import kiteconnect.ticker  # noqa: F401
