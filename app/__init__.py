"""The composition root: commands, and the wiring that builds the actor tree from ports.

Importing this package imports nothing else: `run.py` comes through here before anything is installed.
"""
