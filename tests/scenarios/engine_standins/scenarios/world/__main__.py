"""A stand-in for the outside world: it counts the calls of `reset` in a file."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
ledger = Path(options["data-dir"]) / "world.sqlite3"


class World(BaseHTTPRequestHandler):
    """Answers two calls."""

    def do_GET(self) -> None:
        """Answer to everything."""
        self._answer(200)

    def do_POST(self) -> None:
        """Reset for who has the token."""
        expected = f"Bearer {os.environ['WORLD_CONTROL_TOKEN']}"
        is_allowed = self.headers["Authorization"] == expected and self.path == "/control/reset"
        if is_allowed:
            ledger.write_text("reset\n", encoding="utf-8")
        self._answer(200 if is_allowed else 401)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


ledger.write_text(" ".join(sys.argv[1:]), encoding="utf-8")
HTTPServer(("127.0.0.1", int(options["port"])), World).serve_forever()
