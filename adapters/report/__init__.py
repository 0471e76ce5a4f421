"""Reports for people and programs: the page, the JSON beside it, and tables for the terminal."""

from adapters.report.writer import EodWriter, read_json, report_paths

__all__ = ["EodWriter", "read_json", "report_paths"]
