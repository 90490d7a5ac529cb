"""The mails that were caught, as a mail reader would show them.

A mail that comes again with the same Message-ID for the same recipients is kept again,
but shown once with the number of times it was received. A mail without a Message-ID
is never taken for a copy of another.
"""

import json
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from scenarios.world.clock import as_text

_SHOWN = (
    "SELECT mails.*, copies.times FROM mails JOIN (SELECT MIN(seq) AS first, COUNT(*) AS times"
    " FROM mails GROUP BY sameness) AS copies ON copies.first = mails.seq"
)


@dataclass(frozen=True)
class Mail:
    """One mail as shown, with the number of copies that came."""

    seq: int
    id: str
    message_id: str
    sender: str
    recipients: list[str]
    subject: str
    text: str
    received_at: str
    times: int

    def as_json(self) -> dict[str, Any]:
        """Return the mail as programs see it."""
        return {
            "id": self.id,
            "message_id": self.message_id,
            "from": self.sender,
            "to": self.recipients,
            "subject": self.subject,
            "text": self.text,
            "received_at": self.received_at,
            "times_received": self.times,
        }


def keep_mail(
    db: sqlite3.Connection, sender: str, recipients: list[str], source: bytes, now: datetime
) -> None:
    """Keep a mail as it came, with the parts that lists show."""
    parsed = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(source)
    mail_id = f"mail_{secrets.token_hex(8)}"
    message_id = _header(parsed, "Message-ID")
    addresses = json.dumps([_clean(address) for address in recipients])
    sameness = json.dumps([message_id, *sorted(recipients)]) if message_id else mail_id
    db.execute(
        "INSERT INTO mails (id, message_id, sameness, sender, recipients, subject, text, source,"
        " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(mail_id, message_id, sameness, _clean(sender), addresses),
            *(_header(parsed, "Subject"), _text_of(parsed), source, as_text(now)),
        ),
    )


def find_mails(db: sqlite3.Connection, limit: int, offset: int = 0) -> list[Mail]:
    """Return shown mails, newest first; a limit of -1 means all of them."""
    rows = db.execute(
        f"{_SHOWN} ORDER BY mails.seq DESC LIMIT ? OFFSET ?", (limit, offset)
    ).fetchall()
    return [_as_mail(row) for row in rows]


def find_mail(db: sqlite3.Connection, mail_id: str) -> Mail | None:
    """Return one shown mail."""
    row = db.execute(f"{_SHOWN} WHERE mails.id = ?", (mail_id,)).fetchone()
    return _as_mail(row) if row else None


def find_source(db: sqlite3.Connection, mail_id: str) -> bytes | None:
    """Return a mail as it came over the wire."""
    row = db.execute("SELECT source FROM mails WHERE id = ?", (mail_id,)).fetchone()
    return bytes(row["source"]) if row else None


def find_moments(db: sqlite3.Connection, mail_id: str) -> list[str]:
    """Return when each copy of a mail came, oldest first."""
    rows = db.execute(
        "SELECT received_at FROM mails WHERE sameness ="
        " (SELECT sameness FROM mails WHERE id = ?) ORDER BY seq",
        (mail_id,),
    )
    return [row["received_at"] for row in rows]


def count_mails(db: sqlite3.Connection) -> int:
    """Count the shown mails."""
    row = db.execute("SELECT COUNT(DISTINCT sameness) AS number FROM mails").fetchone()
    return int(row["number"])


def _as_mail(row: sqlite3.Row) -> Mail:
    return Mail(
        recipients=json.loads(row["recipients"]),
        **{name: row[name] for name in ("seq", "id", "message_id", "sender", "subject", "text")},
        received_at=row["received_at"],
        times=row["times"],
    )


def _header(parsed: EmailMessage, name: str) -> str:
    try:
        return _clean(str(parsed.get(name, ""))).strip()
    except (ValueError, LookupError, IndexError):
        # Senders can write anything; a mail whose header cannot be read is still a mail.
        return "(this header cannot be read)"


def _text_of(parsed: EmailMessage) -> str:
    try:
        part = parsed.get_body(preferencelist=("plain",))
        if part is None:
            return "(no plain text in this mail)"
        return _clean(part.get_content()).replace("\r\n", "\n")
    except (ValueError, LookupError, AttributeError):
        return "(this mail cannot be read as text; see its source)"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
