"""Indicators: declared by name, computed bar by bar."""
