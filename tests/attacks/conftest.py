"""The store and the shoppers of the store's own tests."""

from tests.shop.conftest import ada, lamp, typed

__all__ = ["ada", "lamp", "typed"]
