"""Ours against the broker's, at all times: what differs has a name, a policy, and an end."""
