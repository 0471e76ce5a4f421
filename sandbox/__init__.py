"""Zerodha on loopback: a separate program that speaks Kite Connect's REST and WebSocket wire.

It imports nothing of Patang, so that a mistake there cannot hide in here: it has its own calendar, charges, ledger and
wire encoding. `python -m sandbox` runs it; `sandbox.launch.launch()` runs it as a child process for tests and demos.
"""
