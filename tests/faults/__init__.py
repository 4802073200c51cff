import os

SOAK = int(os.environ.get("SOAK", "1"))
"""How many times the short form: `make soak` sets it."""
