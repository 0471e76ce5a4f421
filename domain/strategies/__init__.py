"""Sample strategies. Theirs are ideas to learn from, not advice."""
