"""The texts that attackers try in every field, and how to see that one has worked.

Each is made so that its effect has a name of its own, `x7q`, which nothing else in the store has.
"""

from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

TEXTS = {
    "SQL": "x7q' OR '1'='1' --",
    "SQL that ends the statement": "x7q'\"); DROP TABLE orders; --",
    "wildcards": "%_\\%",
    "element": "<b id=x7q>",
    "element out of an attribute": '"><b id=x7q>',
    "element out of a title": "</title></textarea></script><b id=x7q>",
    "attribute": "\" onfocus=x7q ' onfocus=x7q a=",
    "address that runs": "javascript:x7q()",
    "address of another site": "//x7q.example/",
    "address by backslash": "/\\x7q.example/",
    "Jinja": "{{7*7}}x7q{{config}}{% raw %}",
    "template literal": "${7*7}x7q",
    "percent format": "x7q%s%(name)s%n",
    "brace format": "x7q{0}{order.id}{name.__class__}",
    "header": "x7q\r\nX-X7q: 1",
    "header after an escape": "x7q%0d%0aX-X7q:%201",
    "NUL": "x7q\x00",
    "lone surrogate": "x7q\ud800",
    "right to left": "x7q\u202e\u2066",
    "zero width": "x\u200b7\u200dq\ufeff",
    "marks": "x" + "\u0301" * 1_000,
    "path": "../../../../etc/passwd",
    "formula": "=1+x7q!A1",
}
NUMBERS = {
    "huge number": str(10**30),
    "negative": "-1",
    "not a number": "NaN",
    "exponent": "1e9",
    "true": "true",
}
INJECTIONS = {**TEXTS, **NUMBERS}
NESTED = "x7q nested a thousand times"
# What JSON may hold in place of a text or a number.
JSON_INJECTIONS: dict[str, Any] = {
    **INJECTIONS,
    "null": None,
    "true itself": True,
    "list": ["x7q", 1],
    "object": {"$ne": "x7q"},
    "huge number itself": 10**30,
    "negative itself": -1,
    "fraction": 1.9,
    "not a number itself": float("nan"),
    "infinity": float("-inf"),
    "nested": NESTED,
}
_WORKED = (
    *("<b id=x7q", '" onfocus=x7q', "' onfocus=x7q", 'href="javascript:', "49x7q", "root:x:0:"),
    *("'SECRET_KEY'", "$argon2", "Traceback (most recent call last)"),
)


def harm_in(answer: TestResponse) -> list[str]:
    """Return what an injection has done to an answer; of harmless ones that is nothing."""
    harm = [f"{answer.status_code}"] if answer.status_code >= 500 else []
    if answer.mimetype == "text/html":
        harm += [sign for sign in _WORKED if sign in answer.text]
    elif answer.headers.get("X-Content-Type-Options") != "nosniff":
        harm.append(f"{answer.mimetype} that a browser may take for a page")
    if "X-X7q" in answer.headers:
        harm.append("a header")
    if leads_out(answer.headers.get("Location", "/")):
        harm.append(f"leads to {answer.location}")
    return harm


def leads_out(address: str) -> bool:
    """Tell whether a browser would leave the store by this address."""
    target = urlsplit(address.replace("\\", "/"))
    return bool(target.scheme or target.netloc) and target.netloc != "store.test"
