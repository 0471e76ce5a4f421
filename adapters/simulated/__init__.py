"""The world as models: broker and exchange, the network between, disk and clock, each with the faults of the real one.

They stand behind the same ports as the real adapters, live in virtual time, and draw every decision from a seed. What
the exchange knows outlives our process; `seam` says what the models need of the machine they run on.
"""
