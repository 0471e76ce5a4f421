"""A strategy in a process of its own: what burns there burns a core, and nobody's turn at the interpreter."""
