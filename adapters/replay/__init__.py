"""The doors to the world in a replay: each answers what it answered on the day."""
