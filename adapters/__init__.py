"""How the world is touched: the broker, the stores, the clocks. Each adapter supplies a port of `domain.ports`."""
