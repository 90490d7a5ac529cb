"""What the warm parent has imported before it forks: the packages that the store uses.

A process forked from it has only the store's own code to read, which takes a third of the time.
None of that may be imported here, and no thread may be started, since a fork copies no other.
"""

import gc
from compileall import compile_dir
from contextlib import suppress
from importlib import import_module
from pathlib import Path

# A test tells of one that is missing; without it, a start takes longer.
_PACKAGES = (
    *("argon2", "certifi", "email.generator", "encodings.idna", "flask.cli", "flask_limiter.util"),
    *("flask_login", "flask_smorest", "flask_wtf.csrf", "httpcore", "httpx", "marshmallow"),
    *("smtplib", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "sqlalchemy.orm"),
    *("sqlite3", "structlog.stdlib", "zoneinfo"),
)

for name in (*_PACKAGES, *(f"scenarios.engine.{own}" for own in ("keeper", "launch", "tether"))):
    # A learner may be at work on what the store uses.
    with suppress(ImportError):
        import_module(name)
# The kit reads the store's modules, so each run of tests imports it anew.
compile_dir(Path(__file__).parents[1] / "kit", quiet=2)
gc.collect()
gc.freeze()
