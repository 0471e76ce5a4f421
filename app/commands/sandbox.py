"""`sandbox`: the pretend exchange as a program of its own. Its options are its own, so they are handed on as typed."""


def run(arguments: list[str]) -> int:
    """Run the pretend exchange until it is told to stop; its first line on stdout says how to reach it."""
    from sandbox.cli import main

    return main(arguments)
