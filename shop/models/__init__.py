"""The tables, one file for each aggregate; importing this package knows them all."""

from shop.models.cart import Cart, CartLine
from shop.models.catalog import Category, Picture, Product, StockItem, StockMovement
from shop.models.customer import Customer, SignIn
from shop.models.delivery import Country, ShippingRate
from shop.models.job import Heartbeat, Job, WebhookEvent
from shop.models.order import HistoryEntry, Order, OrderLine, Payment, Refund, Shipment
from shop.models.promotion import Allowance, Coupon, GiftCard
from shop.models.review import Review
