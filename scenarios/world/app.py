"""The Flask application that answers for every service but mail."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException

from scenarios.world.carrier import carrier
from scenarios.world.context import World
from scenarios.world.control import control
from scenarios.world.gates import record_call, start_watch
from scenarios.world.pages import pages
from scenarios.world.payments import payments
from scenarios.world.refusals import Refusal
from scenarios.world.suggestions import suggestions

LARGEST_BODY = 1_000_000
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(world: World) -> Flask:
    """Return the application of a world."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions["world"] = world
    # Bodies are read by people too, so their fields stay in the order of the documentation.
    app.json = DefaultJSONProvider(app)
    app.json.sort_keys = False
    app.before_request(start_watch)
    app.before_request(refuse_other_hosts)
    app.after_request(record_call)
    app.after_request(add_safe_headers)
    app.register_error_handler(Refusal, answer_refusal)
    app.register_error_handler(HTTPException, answer_http_error)
    for blueprint in (payments, carrier, suggestions, control, pages):
        app.register_blueprint(blueprint)
    return app


def refuse_other_hosts() -> None:
    """Refuse a call under another name, as made by a page whose name leads to this machine.

    :raises Refusal: when the Host is not 127.0.0.1 or localhost, with any port.
    """
    try:
        host = urlsplit(f"//{request.environ.get('HTTP_HOST', '')}").hostname
    except ValueError:
        host = None
    if host not in {"127.0.0.1", "localhost"}:
        raise Refusal(403, "wrong_host", "Call this as 127.0.0.1 or localhost.")


def add_safe_headers(response: Response) -> Response:
    """Forbid the pages everything but their style sheet."""
    response.headers.update(SAFE_HEADERS)
    return response


def answer_refusal(refusal: Refusal) -> tuple[dict[str, object], int]:
    """Answer a refusal with its status and body."""
    return refusal.body, refusal.status


def answer_http_error(error: HTTPException) -> tuple[dict[str, object], int]:
    """Answer Flask's own errors, such as an unknown address, in the same form."""
    status = error.code or 500
    code = error.name.lower().replace(" ", "_")
    message = error.description or error.name
    return Refusal(status, code, message).body, status
