"""Market data for research: read from files, checked by stated rules, held as arrays."""
