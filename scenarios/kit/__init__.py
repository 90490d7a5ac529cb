"""What a scenario's check may use: actors, races, meters, plans, and the outside world's ledgers.

The only part of `scenarios` that imports the store, as it runs beside it in the workspace. A check
is a pytest file, `check.py`, whose fixtures are in `fixtures` and whose verdict is in `outcomes`.
"""
