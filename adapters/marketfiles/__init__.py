"""Market data on disk: candles of one instrument and interval in one Parquet file, whole or not changed at all.

polars is imported when a file is read or written, never by a program that only trades.
"""
