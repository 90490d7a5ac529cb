"""What a shopper reads on a page of the store."""

import re
from html import unescape

from werkzeug.test import TestResponse

_ALERT = re.compile(r'role="alert">([^<]+)<')
_ERROR_PAGE = re.compile(r'class="crumbs">\d+</p>\s*<h1>[^<]+</h1>\s*<p>([^<]+)</p>')
_INPUT = '<input id="{}" name="{}" [^>]*?value="([^"]*)"'


def sentence(page: TestResponse) -> str:
    """Return the sentence that says what was wrong, or an empty text."""
    found = _ALERT.search(page.text) or _ERROR_PAGE.search(page.text)
    return unescape(found[1]).strip() if found else ""


def tell(page: TestResponse) -> str:
    """Return the status and what was wrong, for whoever reads why a check is broken."""
    return f"{page.status_code} {sentence(page)}".strip()


def beside(page: TestResponse, field: str) -> str:
    """Return the sentence beside a field of a form, or an empty text."""
    found = re.search(f'id="{field}-error">([^<]*)<', page.text)
    return unescape(found[1]).strip() if found else ""


def filled_in(page: TestResponse, field: str) -> str | None:
    """Return what stands in a field of a form, None when the page has no such field."""
    found = re.search(_INPUT.format(field, field), page.text)
    return unescape(found[1]) if found else None
