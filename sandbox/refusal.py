"""Refusals: the one exception that becomes Kite's error envelope."""

from typing import Literal

ErrorType = Literal[
    "TokenException",
    "UserException",
    "OrderException",
    "InputException",
    "MarginException",
    "HoldingException",
    "NetworkException",
    "DataException",
    "GeneralException",
    "PermissionException",
]


class Refusal(Exception):
    """A request that the broker refuses synchronously: HTTP status, error type and text of the envelope."""

    def __init__(self, message: str, error_type: ErrorType = "InputException", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.error_type: ErrorType = error_type
        self.status = status


def order_refused(message: str) -> Refusal:
    """A refusal by the broker's order checks."""
    return Refusal(message, "OrderException")
