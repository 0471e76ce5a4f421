"""How a decision becomes orders: at once, at the touch with a chase, or in slices over minutes. Pure."""
