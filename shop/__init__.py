"""The store of Brindle & Bolt: a catalog, a cart, a checkout and the orders they become."""

import os
from collections.abc import Mapping

from flask import Flask

from shop import api, cli, db, web
from shop.clock import Clock, utc_now
from shop.config import Settings, read_settings
from shop.gateways import Gateways
from shop.gateways.carrier import HttpCarrier
from shop.gateways.fakes import FakeSuggestions, make_fakes
from shop.gateways.mailer import SmtpMailer
from shop.gateways.payments import HttpPaymentProvider
from shop.gateways.pictures import HttpPictures
from shop.gateways.suggestions import HttpSuggestions


def create_app(
    overrides: Mapping[str, str] | None = None,
    *,
    gateways: Gateways | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the store from the environment.

    :param overrides: settings that take the place of the environment's.
    :param gateways: the outside world, where it is not the one that the settings name.
    :param clock: what tells the time.
    :raises SettingsError: when the settings are incomplete or unclear.
    """
    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    environment = {**os.environ, **(overrides or {})}
    settings = read_settings(environment, debug=app.debug, instance_path=app.instance_path)
    app.config["SECRET_KEY"] = settings.secret_key
    app.extensions["settings"] = settings
    app.extensions["gateways"] = gateways or _connect(settings, clock)
    app.extensions["clock"] = clock
    db.init_app(app, settings.database_url)
    web.init_app(app)
    api.init_app(app)
    cli.init_app(app)
    return app


def _connect(settings: Settings, clock: Clock) -> Gateways:
    if settings.alone:
        return make_fakes()
    url = settings.suggestions_url
    return Gateways(
        HttpPaymentProvider(settings.payments_url, clock, settings.payments_api_key),
        HttpCarrier(settings.carrier_url, clock),
        SmtpMailer(settings.smtp_url, settings.mail_from),
        HttpSuggestions(url, clock) if url else FakeSuggestions(),
        HttpPictures(settings.picture_hosts),
    )
