"""Tell when somebody has saved a file of the workspace that the store reads only once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Styles and pictures are read for each request. Editors' temporary files have other endings.
ENDINGS = (".py", ".html", ".txt", ".xml", ".toml", ".mako")
FOLDERS = ("shop", "seed_data")
# How long to wait for more after a change, and how often to look without being told of one.
MILLISECONDS_TO_SETTLE = 50
MILLISECONDS_TO_LOOK = 1000


class Watch:
    """A look at the workspace's files; changes count from when it is made."""

    def __init__(self, workspace: Path, say: Callable[[str, str], None]) -> None:
        """Begin to watch in a thread, for as long as this process lives."""
        self._workspace = workspace
        self._say = say
        self._lock = threading.RLock()
        self._seen = self._look()
        self._is_changed = False
        threading.Thread(target=self._follow, daemon=True).start()

    def take(self) -> bool:
        """Tell whether something has changed since this was asked the last time."""
        with self._lock:
            is_changed, self._is_changed = self._is_changed, False
            return is_changed

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep silent about what changes meanwhile, for who renews the store afterwards."""
        with self._lock:
            try:
                yield
            finally:
                self._seen = self._look()
                self._is_changed = False

    def _follow(self) -> None:
        # It takes a moment to load, which the start of the store need not wait for.
        from watchfiles import watch

        try:
            for _ in watch(
                self._workspace,
                watch_filter=None,
                debounce=MILLISECONDS_TO_SETTLE,
                step=MILLISECONDS_TO_SETTLE // 2,
                rust_timeout=MILLISECONDS_TO_LOOK,
                yield_on_timeout=True,
            ):
                self.compare()
        except OSError as error:
            self._say(f"Saved files are not noticed: {error}. Stop and start instead.", "bold red")

    def compare(self) -> None:
        """Notice what has changed by now."""
        # What leads here may come late, after `paused`, or be about a file that does not count.
        with self._lock:
            if (now := self._look()) != self._seen:
                self._seen, self._is_changed = now, True

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        found = {}
        for folder in FOLDERS:
            for path in (self._workspace / folder).rglob("*.*"):
                if path.suffix in ENDINGS and not path.name.startswith((".", "#")):
                    with suppress(FileNotFoundError):
                        facts = path.stat()
                        found[path] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        return found
