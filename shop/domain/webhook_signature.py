"""Whether a message comes from the payment provider, just now and unchanged.

The provider signs the moment and the raw body, `HMAC-SHA256(secret, "{seconds}.{body}")`, and sends
both as `t=<unix seconds>,v1=<hex digest>`. See docs/outside-world.md.
"""

import hashlib
import hmac
import re
from datetime import datetime

TOLERANCE_SECONDS = 300
_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def is_authentic(header: str, body: bytes, secret: str, now: datetime) -> bool:
    """Tell whether the header signs this very body, at most `TOLERANCE_SECONDS` from now."""
    match = _HEADER.fullmatch(header)
    if match is None or abs(now.timestamp() - int(match[1])) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(sign(body, secret, int(match[1])), match[2])


def sign(body: bytes, secret: str, seconds: int) -> str:
    """Return the hex digest that belongs to a body sent at a moment in unix seconds."""
    return hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
