"""The store's pages."""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request, session
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect

from shop.config import Settings
from shop.web import account, cart, catalog, checkout, orders, refusals, request_log, staff
from shop.web.auth import limiter, login_manager
from shop.web.fields import to_local
from shop.web.page_cache import PageCache

_LARGEST_BODY, _LARGEST_FILE = 64 * 1024, 1024 * 1024
# Nothing is loaded from elsewhere and nothing runs that stands in a page, so a text that slips
# through unescaped stays a text.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    """Add pages, error pages, sign-ins, and the protection of forms and pages."""
    settings: Settings = app.extensions["settings"]
    address = urlsplit(settings.base_url)
    app.config.update(
        # Of several stores under one host, each keeps its cookies to itself.
        APPLICATION_ROOT=address.path or "/",
        MAX_CONTENT_LENGTH=_LARGEST_BODY,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=address.scheme == "https",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # A form is good for as long as the session is: nobody loses one that was left open.
        WTF_CSRF_TIME_LIMIT=None,
    )
    # Werkzeug would send whoever adds or leaves out a slash to the host that the request names, and
    # a stranger can name any.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    lifetime = timedelta(seconds=settings.page_cache_seconds)
    app.extensions["page_cache"] = PageCache(lifetime, app.extensions["clock"])
    request_log.init_app(app)
    app.before_request(_refuse_nul)
    app.before_request(_admit_file)
    app.after_request(_protect)
    for extension in (csrf, limiter, refusals):
        extension.init_app(app)
    # Templates ask for the user only where they show one: the page that says that the database is
    # away must not ask it anything.
    login_manager.init_app(app, add_context_processor=False)
    app.add_template_global(current_user, "current_user")
    app.jinja_env.globals["picture_hosts"] = settings.picture_hosts
    for each in (catalog, cart, checkout, orders, account, staff):
        app.register_blueprint(each.pages)
    app.register_blueprint(account.own_pages)
    app.add_template_filter(lambda basis_points: f"{basis_points / 100:g}%", "percent")
    app.add_template_filter(to_local, "local")


def _refuse_nul() -> None:
    # PostgreSQL stores no NUL in a text, so no address of the store can hold one.
    if "\x00" in request.path:
        abort(404)


def _admit_file() -> None:
    if request.endpoint == "staff.import_file":
        request.max_content_length = _LARGEST_FILE


def _protect(response: Response) -> Response:
    response.headers.update(_HEADERS)
    is_file = request.endpoint in ("static", "catalog.picture")
    if not is_file and session.keys() & {"_user_id", "orders"}:
        # On a computer that others use, Back must not show what a customer saw.
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint != "static":
        # Each page holds a cart and a form token: no cache on the way may keep it for others.
        response.headers.setdefault("Cache-Control", "private")
    return response
