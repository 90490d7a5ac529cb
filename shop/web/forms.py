"""Forms: read one, and show its page again with what was typed and what is wrong with it."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError

from shop.errors import GatewayUnavailable, Refusal
from shop.web.refusals import fields_of, message_of, status_of

View = Callable[..., ResponseReturnValue]
_NOTHING: Mapping[str, Any] = {}


def form_values() -> dict[str, Any]:
    """Return the fields and files of the posted form, without the field that guards it."""
    sent = {**request.form.to_dict(), **request.files.to_dict()}
    return {name: value for name, value in sent.items() if name != "csrf_token"}


def render_form(
    template: str,
    values: Mapping[str, Any] = _NOTHING,
    error: Exception | None = None,
    message: str = "",
    **context: Any,
) -> str:
    """Render a page with a form: what was typed, and what is wrong with it."""
    message = message_of(error) if error else message
    context |= {"values": values, "fields": fields_of(error), "message": message}
    return render_template(template, **context)


def takes_form(schema: type[Schema], page: Callable[..., str]) -> Callable[[View], View]:
    """Give the view the form as the schema loads it, before the parts of its address.

    What the schema or the view refuses is answered by `page`, which gets the parts of the address,
    the values as they were typed, and the error.
    """

    # To make a schema takes longer than to load a short form.
    reader = schema()

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(**address: Any) -> ResponseReturnValue:
            values = form_values()
            try:
                return view(reader.load(values), **address)
            except (ValidationError, Refusal, GatewayUnavailable) as error:
                return page(**address, values=values, error=error), status_of(error)

        return answer

    return decorate
