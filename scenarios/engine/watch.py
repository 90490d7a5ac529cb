"""Tell when somebody has saved a file of the workspace that the store reads only once."""

import threading
from collections.abc import Callable
from pathlib import Path

from scenarios.engine.snapshot import stamp_of

# Styles and pictures are read for each request. Editors' temporary files have other endings.
ENDINGS = (".py", ".html", ".txt", ".xml", ".toml", ".mako")
FOLDERS = ("shop", "seed_data")


class Watch:
    """A look at the workspace's files; changes count from when it is made."""

    def __init__(self, workspace: Path, say: Callable[[str, str], None]) -> None:
        """Begin to watch in a thread, for as long as this process lives."""
        self._workspace, self._say = workspace, say
        self._stamp = stamp_of(workspace, FOLDERS)
        self._is_told = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def take(self) -> bool:
        """Tell whether a file was saved that has made a difference since the last look."""
        if not self._is_told.is_set():
            return False
        self._is_told.clear()
        return self.look()

    def look(self) -> bool:
        """Take all that is there for seen, and tell whether it makes a difference."""
        before, self._stamp = self._stamp, stamp_of(self._workspace, FOLDERS)
        return self._stamp != before

    def _follow(self) -> None:
        # It takes a moment to load, which the start of the store need not wait for.
        from watchfiles import watch

        try:
            for _ in watch(self._workspace, watch_filter=self._counts):
                self._is_told.set()
        except OSError as error:
            self._say(f"Saved files are not noticed: {error}. Stop and start instead.", "bold red")

    def _counts(self, _change: object, path: str) -> bool:
        place = Path(path).relative_to(self._workspace)
        # Nobody tells of the files that were in a new folder before it was watched.
        is_edited = place.suffix in (*ENDINGS, "") and not place.name.startswith((".", "#"))
        return is_edited and place.parts[0] in FOLDERS
