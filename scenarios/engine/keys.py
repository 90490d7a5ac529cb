"""The secrets of one sandbox, made once and kept in `.cartwreck/secrets.json`."""

import secrets
from dataclasses import asdict, dataclass, fields

from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts


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
        write_facts(path, asdict(Keys(*(secrets.token_urlsafe(32) for _ in fields(Keys)))))
    keys = read_facts(path, Keys)
    if keys is None or not all(isinstance(each, str) and each for each in asdict(keys).values()):
        raise RefusedError(f"{path} is damaged: delete it, and new secrets are made.")
    return keys
