"""What the warm parent has imported before it forks: all but the store's own code.

A process forked from it has only that to read, which takes a third of the time. None of it may be
imported here, and no thread may be started, since a fork copies no other.
"""

import ast
import gc
from collections.abc import Iterator
from compileall import compile_dir
from contextlib import suppress
from importlib import import_module
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_OWN = ("shop", "seed_data", "scenarios")
# What the store imports only when it is used, and what its processes are begun by.
_LATER = ("certifi", "httpcore", "encodings.idna", "sqlalchemy.dialects.postgresql", "sqlite3")
_MORE = ("scenarios.engine.tether", "scenarios.engine.launch", "scenarios.engine.keeper")


def _imported() -> Iterator[str]:
    # Only what stands at the top of a module: the store imports late what it needs seldom.
    for path in (_ROOT / "shop").rglob("*.py"):
        try:
            body = ast.parse(path.read_bytes()).body
        except (OSError, ValueError, SyntaxError):
            continue
        for node in body if "migrations" not in path.parts else ():
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                # A name may be a function or a module; trying tells.
                yield from (node.module, *(f"{node.module}.{each.name}" for each in node.names))


for name in sorted({*_imported(), *_LATER}):
    if name.partition(".")[0] not in _OWN:
        with suppress(ImportError):
            import_module(name)
for name in _MORE:
    import_module(name)
# The kit reads the store's modules, so each run of tests imports it anew.
compile_dir(_ROOT / "scenarios" / "kit", quiet=2)
gc.collect()
gc.freeze()
