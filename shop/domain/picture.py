"""What a picture from elsewhere may be: types that no browser runs.

They are told by their first bytes and not by what a host says. SVG is not among them: it may hold
scripts.
"""

import re

_BEGINNINGS = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/webp": rb"RIFF....WEBP",
}
PICTURE_TYPES = tuple(_BEGINNINGS)


def find_type(content: bytes) -> str | None:
    """Return the media type of a picture, or None when it is none of these."""
    found = (kind for kind, start in _BEGINNINGS.items() if re.match(start, content, re.DOTALL))
    return next(found, None)
