"""What is true about trading: pure functions and values, without I/O, threads, clocks or logging."""
