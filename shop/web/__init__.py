"""The store's pages."""

from datetime import timedelta

from flask import Flask, abort, request
from flask_wtf.csrf import CSRFProtect

from shop.web import cart, catalog, checkout, orders, refusals, request_log

_LARGEST_BODY = 64 * 1024

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    """Add pages, error pages and the protection of forms."""
    app.config.update(
        MAX_CONTENT_LENGTH=_LARGEST_BODY,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # A form is good for as long as the session is: nobody loses one that was left open.
        WTF_CSRF_TIME_LIMIT=None,
    )
    request_log.init_app(app)
    app.before_request(_refuse_nul)
    csrf.init_app(app)
    refusals.init_app(app)
    for pages in (catalog.pages, cart.pages, checkout.pages, orders.pages):
        app.register_blueprint(pages)
    app.add_template_filter(_percent, "percent")


def _refuse_nul() -> None:
    # PostgreSQL stores no NUL in a text, so no address of the store can hold one.
    if "\x00" in request.path:
        abort(404)


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:g}%"
