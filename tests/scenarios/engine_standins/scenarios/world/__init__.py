"""A stand-in for the outside world."""
