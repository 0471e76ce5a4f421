"""Paper trading: the broker's real prices, orders matched on this machine. Nothing is ever sent to an exchange."""
