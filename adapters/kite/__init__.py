"""Zerodha's Kite Connect v3. Kite's spellings stop in this folder.

Importing anything here is cheap: `kiteconnect` (and Twisted with it, about a second) is imported by `ticker` alone, on
the reactor's own thread.
"""
