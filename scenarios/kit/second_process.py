"""The store as another process has it: the same code and database, and no variable in common.

What a process keeps for itself, such as a lock or a dictionary in a module, means nothing to its
neighbor. A copy of the modules shows that without a second process, so B can still run at one
chosen statement of A; and where A holds such a lock, B does not wait for ever.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from flask import Flask

_STORE = "shop"


def import_again() -> tuple[Callable[..., Flask], ModuleType]:
    """Import the store anew, and return its `create_app` and its module of sign-ins.

    Whoever imports the store afterwards gets the one that was there before.
    """
    with _out_of_sight():
        return import_module(_STORE).create_app, import_module(f"{_STORE}.web.auth")


@contextmanager
def _out_of_sight() -> Iterator[None]:
    kept = _take_away()
    try:
        yield
    finally:
        _take_away()
        sys.modules.update(kept)


def _take_away() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == _STORE]
    return {name: sys.modules.pop(name) for name in names}
