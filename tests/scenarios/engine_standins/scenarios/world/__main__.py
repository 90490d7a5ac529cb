"""A stand-in for the outside world: it notes the calls that change something in a file."""

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
        self._change("reset" if self.path == "/control/reset" else "")

    def do_PATCH(self) -> None:
        """Note a condition for who has the token, and refuse one that cannot be."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "-1" in body:
            self._answer(422)
        else:
            self._change(f"{self.path.rpartition('/')[2]} {body}")

    def do_DELETE(self) -> None:
        """Note that a service behaves well again, for who has the token."""
        self._change(f"{self.path.rpartition('/')[2]} well")

    def _change(self, what: str) -> None:
        expected = f"Bearer {os.environ['WORLD_CONTROL_TOKEN']}"
        is_allowed = self.headers["Authorization"] == expected and bool(what)
        if is_allowed:
            ledger.write_text(f"{what}\n", encoding="utf-8")
        self._answer(200 if is_allowed else 401)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


ledger.write_text(" ".join(sys.argv[1:]), encoding="utf-8")
HTTPServer(("127.0.0.1", int(options["port"])), World).serve_forever()
