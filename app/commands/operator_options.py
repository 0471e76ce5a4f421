"""The options that a person's commands share: who says it, and why. Both are kept in the audit trail."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Why = Annotated[str, Parameter(name="--why", help="The reason; kept in the audit trail.")]
Who = Annotated[str, Parameter(name="--who", show_default=False, help="Your name, where it is not that of the login.")]
OfStrategy = Annotated[str, Parameter(name="--strategy", show_default=False, help="This strategy alone.")]
