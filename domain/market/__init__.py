"""From ticks to bars: bucketing, gaps, warm-up and the order in which bars may be told."""
