"""What a store is told that has no outside world but the one that it is given."""

WEBHOOK_SECRET = "webhook secret of the tests"  # noqa: S105


def settings_for(database_url: str) -> dict[str, str]:
    """Return settings with which the store starts."""
    return {
        "SHOP_SECRET_KEY": "secret key of the tests",
        "SHOP_DATABASE_URL": database_url,
        "SHOP_BASE_URL": "http://store.test",
        "SHOP_PAYMENTS_URL": "http://127.0.0.1:9/payments",
        "SHOP_PAYMENTS_API_KEY": "api key of the tests",
        "SHOP_PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "SHOP_CARRIER_URL": "http://127.0.0.1:9/carrier",
        "SHOP_SMTP_URL": "smtp://127.0.0.1:9",
        # What a test changes, it wants to see at once.
        "SHOP_PAGE_CACHE_SECONDS": "0",
    }
