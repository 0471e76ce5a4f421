"""Ways to reach a person. For now the log alone; mail and messengers come behind the same port."""

from adapters.notify.log import LogNotifier

__all__ = ["LogNotifier"]
