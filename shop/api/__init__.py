"""What programs call: for now the payment provider's webhooks."""

from flask import Flask

from shop.api import webhooks
from shop.web import csrf


def init_app(app: Flask) -> None:
    """Add the routes, which are not forms and so carry no form token."""
    csrf.exempt(webhooks.routes)
    app.register_blueprint(webhooks.routes)
