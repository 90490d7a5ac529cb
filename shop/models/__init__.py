"""The tables, one file for each aggregate; importing this package knows them all."""

from shop.models.cart import Cart as Cart
from shop.models.cart import CartLine as CartLine
from shop.models.catalog import Category as Category
from shop.models.catalog import Product as Product
from shop.models.catalog import StockItem as StockItem
from shop.models.delivery import Country as Country
from shop.models.delivery import ShippingRate as ShippingRate
from shop.models.job import Job as Job
from shop.models.order import HistoryEntry as HistoryEntry
from shop.models.order import Order as Order
from shop.models.order import OrderLine as OrderLine
from shop.models.order import Payment as Payment
from shop.models.order import Shipment as Shipment
from shop.models.webhook import WebhookEvent as WebhookEvent
