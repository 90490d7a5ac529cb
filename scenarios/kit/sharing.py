"""What the applications of one process share: what follows from the code alone.

A run makes an application for each of its tests. Each would compile the store's addresses and its
SQL anew, to the same result, which is two fifths of the time that the tests take.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.routing import Rule

_DIALECTS: dict[str, Dialect] = {}
_COMPILED: dict[str, dict[Any, Any]] = {}


class SharedRule(Rule):
    """An address, in Flask's `url_rule_class`, whose builder is compiled once in a process."""

    _builders: ClassVar[dict[object, Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        converters = sorted((name, id(type(each))) for name, each in self._converters.items())
        defaults = sorted((self.defaults or {}).items())
        key = (*self._trace, append_unknown, repr(converters), repr(defaults))
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


def share_compiled(engine: Engine) -> None:
    """Let an engine use the SQL that earlier ones for this kind of database have compiled.

    SQLAlchemy keeps it by dialect, so they share the first dialect that has seen its database.
    """
    name = engine.dialect.name
    if name not in _DIALECTS:
        # A database that cannot be reached is what some tests are about.
        with suppress(SQLAlchemyError), engine.connect():
            _DIALECTS[name] = engine.dialect
        engine.dispose()
    engine.dialect = _DIALECTS.get(name, engine.dialect)
    engine.update_execution_options(compiled_cache=_COMPILED.setdefault(name, {}))
