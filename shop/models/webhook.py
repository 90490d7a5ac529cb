"""News from the payment provider that the store has already taken in."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Model


class WebhookEvent(Model):
    """An event by the provider's own id, which makes a second delivery harmless."""

    __tablename__ = "webhook_event"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    received_at: Mapped[datetime]
