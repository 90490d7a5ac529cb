"""What programs call: the API, its documentation, webhooks and the signs of health."""

from flask import Flask, render_template
from flask_smorest import Api

from shop.api import health, v1, webhooks
from shop.api.schemas import ErrorSchema
from shop.config import Settings
from shop.web import csrf


class DocumentedApi(Api):
    """The API whose errors look as those of the webhooks do, since the store answers them all."""

    ERROR_SCHEMA = ErrorSchema
    # A default answer would allow every status; each operation names those that it has.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass

    def _register_pagination_header(self) -> None:
        pass


def init_app(app: Flask) -> None:
    """Add the routes, which are not forms and so carry no form token."""
    settings: Settings = app.extensions["settings"]
    app.config.update(
        API_TITLE="Brindle & Bolt",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api",
        API_SPEC_OPTIONS={
            "servers": [{"url": settings.base_url}],
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        },
    )
    api = DocumentedApi(app)
    for each in (v1.goods, v1.orders):
        csrf.exempt(each)
        api.register_blueprint(each)
    csrf.exempt(webhooks.routes)
    app.register_blueprint(webhooks.routes)
    app.register_blueprint(health.routes)

    @app.get("/api/", endpoint="api.docs")
    def show_docs() -> str:
        return render_template("api.html", spec=api.spec.to_dict())
