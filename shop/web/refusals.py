"""What a refusal, a mistake in the address or a bug looks like over HTTP.

Programs get `{"error": {"code", "message", "fields"}}`, people a page that says the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError, TooManyRequests

from shop import errors

_KINDS: Mapping[int, tuple[type[Exception], ...]] = {
    400: (errors.WebhookRefused, errors.AmountMismatch),
    404: (errors.NotFound,),
    409: (
        *(errors.CartFull, errors.CartEmpty, errors.OutOfStock, errors.StockTooLow),
        *(errors.TotalChanged, errors.CheckoutExpired, errors.DestinationNotServed),
        *(errors.CardRefused, errors.CouponRefused, errors.GiftCardRefused, errors.EmailTaken),
        *(errors.LimitReached, errors.ProductOrdered),
        *(errors.ActionRefused, errors.TooManyUnits, errors.ChangedMeanwhile),
    ),
    410: (errors.LinkExpired,),
    422: (ValidationError, errors.CardNeeded, errors.SignInRefused, errors.RowRefused),
    502: (errors.GatewayRefused,),
    503: (errors.GatewayUnavailable,),
}
STATUS = {kind: status for status, kinds in _KINDS.items() for kind in kinds}
_FOR_PROGRAMS = ("/api/v1/", "/webhooks/")
_FORM_EXPIRED = (
    "This page was open for too long or in another browser. Go back, reload the page and send the "
    "form again; nothing has been ordered."
)
_BUSY = "The payment provider does not answer just now. Nothing was charged. Please try again."
_TOO_MANY = "Those were too many tries. Please wait a minute, then try again."
_BUG = "Something went wrong on our side; nothing you did caused it. Our reference is {}."


def init_app(app: Flask) -> None:
    """Answer each kind of error."""
    for kind in STATUS:
        app.register_error_handler(kind, _answer_refusal)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(CSRFError, _answer_forged_form)


def status_of(error: Exception) -> int:
    """Return the status code of a refusal or of a form that does not validate."""
    return STATUS[type(error)]


def message_of(error: Exception) -> str:
    """Return the sentence that the shopper reads."""
    if isinstance(error, ValidationError):
        sentences = [each for field in fields_of(error).values() for each in field]
        is_plain = len(sentences) == 1 and isinstance(sentences[0], str)
        return sentences[0] if is_plain else "Please check the fields that are marked."
    is_outside = isinstance(error, errors.GatewayRefused | errors.GatewayUnavailable)
    return _BUSY if is_outside else str(error)


def fields_of(error: Exception | None) -> dict[str, list[str]]:
    """Return the sentences beside the fields of a form that were typed wrong."""
    if isinstance(error, errors.Refusal) and error.field:
        return {error.field: [str(error)]}
    if not isinstance(error, ValidationError):
        return {}
    messages: dict[str, list[str]] = error.normalized_messages()  # type: ignore[no-untyped-call]
    return messages


def _answer_refusal(error: Exception) -> Response:
    return _answer(status_of(error), code_of(error), message_of(error), fields_of(error))


def _answer_http_error(error: HTTPException) -> Response:
    """Answer a wrong address, a wrong method or a bug, which Flask has then logged."""
    is_bug = isinstance(error, InternalServerError)
    message = _BUG.format(g.get("request_id")) if is_bug else error.description or error.name
    message = _TOO_MANY if error.code == TooManyRequests.code else message
    answer = _answer(error.code or 500, code_of(error), message)
    # A 405 has to name the methods that are allowed, a 401 how to say who you are.
    kept = ("Allow", "WWW-Authenticate")
    answer.headers.extend(h for h in error.get_headers() if h[0] in kept)
    return answer


def _answer_forged_form(_error: CSRFError) -> Response:
    return _answer(400, "form_expired", _FORM_EXPIRED)


def _answer(status: int, code: str, message: str, fields: Mapping[str, Any] = {}) -> Response:
    if request.path.startswith(_FOR_PROGRAMS):
        response = jsonify(error={"code": code, "message": message, "fields": fields})
    else:
        page = render_template("error.html", status=status, message=message, fields=fields)
        response = make_response(page)
    response.status_code = status
    return response


def code_of(error: Exception) -> str:
    """Turn the name of a class into a code: `OutOfStock` is out_of_stock."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
