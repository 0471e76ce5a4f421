"""Managed exits: where a position is to be left, who watches that, and what is to be done now. Pure."""
