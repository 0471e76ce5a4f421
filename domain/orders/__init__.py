"""The life of an order: which moves are allowed, what an update proves, what recovery may conclude."""
