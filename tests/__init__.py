"""The tests of the store, and of what teaches with it."""
