"""One module per command, each with a `run` function that returns the exit status; listed in `app.cli.COMMANDS`."""
