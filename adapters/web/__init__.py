"""The admin API and the dashboard: a program of its own beside the trader, which it can watch and command."""
