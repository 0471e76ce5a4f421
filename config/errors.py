"""The one error of configuration: a single line that says where, what was found, and what is allowed."""


class ConfigError(Exception):
    """Configuration that cannot be used. Its text is one line: `file:line: key.path: found …; allowed: …`."""
