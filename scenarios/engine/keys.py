"""The secrets of one sandbox, made once and kept in `.cartwreck/secrets.json`."""

import json
import secrets
from dataclasses import asdict, dataclass

from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole


@dataclass(frozen=True)
class Keys:
    """What the store and the outside world prove themselves to each other with."""

    store_secret_key: str
    payments_api_key: str
    webhook_secret: str
    control_token: str


def load_keys(sandbox: Sandbox) -> Keys:
    """Return the sandbox's secrets, and make them the first time.

    :raises RefusedError: when the file is there and cannot be understood.
    """
    path = sandbox.state / "secrets.json"
    if not path.exists():
        keys = Keys(*(secrets.token_urlsafe(32) for _ in range(4)))
        write_whole(path, json.dumps(asdict(keys), indent=2) + "\n")
        return keys
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Keys(**{name: _text(found[name]) for name in Keys.__annotations__})
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"{path} is damaged: delete it, and new secrets are made.") from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a secret is a text that is not empty")
    return value
