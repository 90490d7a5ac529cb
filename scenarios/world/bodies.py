"""Reading what a call brings: a JSON object, its fields, and parts of the query."""

import json
import re
from typing import Any, NoReturn

from flask import request

from scenarios.world.refusals import Refusal

Body = dict[str, Any]


def read_object(*known: str) -> Body:
    """Return the JSON object of the call; a call without a body counts as an empty one.

    :raises Refusal: when it is not a JSON object, or has fields other than the known ones.
    """
    body = _read_json()
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json", "The body must be a JSON object.")
    for name in body:
        if known and name not in known:
            raise Refusal(422, "unknown_field", f"There is no field {json.dumps(name)[:80]}.")
    return body


def _read_json() -> Any:
    raw = request.get_data()
    if not raw:
        return {}
    # A page of another site can post plain text to this machine without asking; it cannot
    # post JSON. Insisting on the content type is what keeps such pages out.
    if request.mimetype != "application/json":
        raise Refusal(415, "not_json", "Send the body with Content-Type: application/json.")
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "invalid_json", "The body is not valid JSON.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def get_text(body: Body, name: str, longest: int = 200) -> str:
    """Return a field that must be text with something in it.

    :raises Refusal: when it is missing, blank, too long or not text.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise _wrong(name, f"text of 1 to {longest} characters")
    if not _is_storable(value):
        raise _wrong(name, "text without control characters")
    return value


def get_whole_number(body: Body, name: str, least: int, most: int) -> int:
    """Return a field that must be a whole number in a range.

    :raises Refusal: when it is anything else; true and 5.0 are not whole numbers here.
    """
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _wrong(name, f"a whole number from {least} to {most}")
    return value


def get_code(body: Body, name: str, letters: int) -> str:
    """Return a field that must be capital letters: 3 for a currency, 2 for a country.

    :raises Refusal: when it is anything else.
    """
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(f"[A-Z]{{{letters}}}", value):
        raise _wrong(name, f"{letters} capital letters")
    return value


def get_query(name: str) -> str:
    """Return a part of the query that must be there.

    :raises Refusal: when it is missing or blank.
    """
    value = request.args.get(name, "")
    if not value.strip():
        raise Refusal(422, "invalid_request", f"Say which one: ?{name}=...")
    return value


def find_last() -> int:
    """Return how many rows of each list ?last= asks for; -1 when all are wanted.

    :raises Refusal: when it is not a whole number from 1 to 100000.
    """
    value = request.args.get("last")
    if value is None:
        return -1
    if not re.fullmatch("[0-9]{1,6}", value) or not 1 <= int(value) <= 100_000:
        raise Refusal(422, "invalid_request", "last must be a whole number from 1 to 100000.")
    return int(value)


def _wrong(name: str, wanted: str) -> Refusal:
    return Refusal(422, "invalid_request", f"{name} must be {wanted}.")


def _is_storable(value: str) -> bool:
    # JSON can spell half a character ("\ud800"), which is not text that a file can hold.
    is_whole = value.encode("utf-8", "replace").decode() == value
    return is_whole and all(letter in "\r\n\t" or letter >= " " for letter in value)
