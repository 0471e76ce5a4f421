"""A trading day on disk: every message as it was taken from a mailbox, and everything that an actor was told by the
world. Enough to run the day again, message for message.
"""
