"""Checkout and payment once more, written by hand: the same statements in the same transactions.

The rules of prices are the store's, as they ask no database. Provider and mail are those of
`outside`, for both.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from flask import Flask, abort, redirect, request, session
from werkzeug.wrappers import Response

from shop.clock import now
from shop.domain.money import Money
from shop.domain.pricing import PricedLine, Totals, price_order
from shop.gateways import Gateways
from shop.gateways.payments import Card
from shop.services.mails import write_mail
from tests.bench.driver import Driver, Row, read_json

_ADDRESS = ("email", "name", "address", "city", "postcode", "country_code", "shipping_method")
_ORDER = (
    *("number", "checkout_token", "status", "payment_status", "fulfillment_status", "folded_email"),
    *("currency", "goods_amount", "discount_amount", "shipping_amount", "tax_rate", "tax_amount"),
    *("total_amount", "gift_card_amount", "refunded_amount", "placed_at", *_ADDRESS),
)
_INSERT_ORDER = (
    f"INSERT INTO orders ({', '.join(_ORDER)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_ORDER))}) RETURNING id"
)
_INSERT_LINE = (
    "INSERT INTO order_line (order_id, product_id, sku, name, unit_amount, currency, quantity, "
    "refunded) VALUES (?, ?, ?, ?, ?, ?, ?, 0) RETURNING id"
)
_INSERT_PAYMENT = (
    "INSERT INTO payment (order_id, card_token, card_brand, card_last4) VALUES (?, ?, ?, ?)"
)
_INSERT_JOB = (
    "INSERT INTO job (key, kind, payload, created_at, due_at, attempts) VALUES (?, ?, ?, ?, ?, 0) "
    "ON CONFLICT (key) DO NOTHING"
)
_CART_LINES = (
    "SELECT cart_line.id AS line_id, quantity, product.*, on_hand, allocated FROM cart_line "
    "JOIN product ON product.id = cart_line.product_id "
    "JOIN stock_item ON stock_item.product_id = product.id WHERE cart_id = ? ORDER BY cart_line.id"
)
_RATE = (
    "SELECT shipping_rate.*, tax_rate FROM shipping_rate JOIN country ON code = country_code "
    "WHERE country_code = ? AND method = ?"
)
_IS_QUOTED = (
    "SELECT sum(quantity) FROM cart_line JOIN cart ON cart.id = cart_id WHERE cart.token = ? AND "
    "EXISTS (SELECT * FROM shipping_rate WHERE country_code = ? AND method = ? AND is_quoted)"
)
_ALLOCATE = (
    "UPDATE stock_item SET allocated = allocated + ? "
    "WHERE product_id = ? AND on_hand - allocated >= ?"
)
_CLAIM = (
    "UPDATE job SET leased_until = ?, lease_token = ?, attempts = attempts + 1 WHERE id = "
    "(SELECT id FROM job WHERE done_at IS NULL AND set_aside_at IS NULL AND due_at <= ? AND "
    "(leased_until IS NULL OR leased_until <= ?) ORDER BY due_at, id LIMIT 1{lock}) AND "
    "(leased_until IS NULL OR leased_until <= ?) RETURNING id, lease_token, kind, payload"
)
_FINISH = (
    "UPDATE job SET leased_until = NULL, lease_token = NULL, done_at = ? "
    "WHERE id = ? AND lease_token = ?"
)


def add_checkout(app: Flask, orders: "Orders") -> None:
    """Add the checkout, and a checkout that also runs the jobs until the order is paid."""

    @app.post("/by-hand/checkout")
    def checkout() -> Response:
        return redirect(f"/orders/{orders.place(request.form, session['cart'], now())}", 303)

    @app.post("/by-hand/purchase")
    def purchase() -> Response:
        answer = checkout()
        orders.work(now())
        return answer


class Orders:
    """Places orders, and runs their jobs until they are paid."""

    def __init__(self, driver: Driver, outside: Gateways) -> None:
        self._db, self._outside = driver, outside
        self._lock = "" if driver.is_sqlite else " FOR UPDATE SKIP LOCKED"
        self._work: Mapping[str, Callable[[str, datetime], None]] = {
            "authorize_payment": self._authorize,
            "capture_payment": self._capture,
            "send_confirmation": self._confirm,
            "check_payment": self._check,
        }

    def place(self, form: Mapping[str, str], cart_token: str, at: datetime) -> str:
        """Turn a cart into an order, and return the order's number."""
        db, to = self._db, (form["country_code"], form["shipping_method"])
        known = "SELECT number FROM orders WHERE checkout_token = ?"
        if found := db.ask(known, form["checkout_token"]):
            return str(found[0]["number"])
        db.ask(_IS_QUOTED, cart_token, *to)
        db.connection.rollback()
        card = self._outside.payments.tokenize(form["card_number"])
        [cart] = db.ask("SELECT * FROM cart WHERE token = ?", cart_token)
        rows = db.ask(_CART_LINES, cart["id"])
        [rate] = db.ask(_RATE, *to)
        lines = [_price(row) for row in rows]
        totals = price_order(lines, Money(rate["amount"]), rate["tax_rate"])
        is_seen = totals.charge.amount == int(form["total_shown"])
        if not is_seen or not self._take(cart["id"], form["checkout_token"], rows):
            db.connection.rollback()
            abort(409)
        number = self._write(form, lines, totals, card, at)
        db.connection.commit()
        return number

    def _take(self, cart_id: int, token: str, rows: Sequence[Row]) -> bool:
        """Empty the cart, and allocate the stock of what was in it."""
        spend = "UPDATE cart SET checkout_token = ? WHERE id = ? AND checkout_token = ?"
        changed = self._db.change(spend, secrets.token_urlsafe(16), cart_id, token)
        pairs = [value for row in rows for value in (row["line_id"], row["quantity"])]
        listed = ", ".join(["(?, ?)"] * len(rows))
        empty = f"DELETE FROM cart_line WHERE cart_id = ? AND (id, quantity) IN (VALUES {listed})"  # noqa: S608
        changed += self._db.change(empty, cart_id, *pairs)
        for row in sorted(rows, key=lambda row: str(row["sku"])):
            changed += self._db.change(_ALLOCATE, row["quantity"], row["id"], row["quantity"])
        return changed == 1 + 2 * len(rows)

    def _write(
        self,
        form: Mapping[str, str],
        lines: Sequence[PricedLine],
        totals: Totals,
        card: Card,
        at: datetime,
    ) -> str:
        """Write the order with lines, payment, history and job, and return its number."""
        number = f"BB-{secrets.token_hex(5).upper()}"
        first = "placed", "pending", "unfulfilled", form["email"].casefold(), "GBP"
        sums = totals.goods.amount, 0, totals.shipping.amount, totals.tax_rate, totals.tax.amount
        rest = totals.total.amount, 0, 0, self._db.moment(at), *(form[name] for name in _ADDRESS)
        [order] = self._db.ask(_INSERT_ORDER, number, form["checkout_token"], *first, *sums, *rest)
        self._db.change(_INSERT_PAYMENT, order["id"], card.token, card.brand, card.last4)
        for line in lines:
            sold = line.sku, line.name, line.unit_price.amount, "GBP", line.quantity
            self._db.ask(_INSERT_LINE, order["id"], line.product_id, *sold)
        subjects = ("status", "payment_status", "fulfillment_status")
        for subject, status in zip(subjects, first, strict=False):
            self._note(order["id"], subject, status, at)
        self._enqueue("authorize_payment", number, at)
        return number

    def work(self, at: datetime) -> None:
        """Run the jobs that are due until there is none."""
        while self._run_one(at):
            pass

    def _run_one(self, at: datetime) -> bool:
        moment = self._db.moment(at)
        leased = self._db.moment(at + timedelta(minutes=1)), secrets.token_hex(16)
        claim = _CLAIM.format(lock=self._lock)
        found = self._db.ask(claim, *leased, moment, moment, moment)
        self._db.connection.commit()
        for job in found:
            self._work[job["kind"]](read_json(job["payload"])["number"], at)
            self._db.change(_FINISH, moment, job["id"], job["lease_token"])
            self._db.connection.commit()
        return bool(found)

    def _authorize(self, number: str, at: datetime) -> None:
        order, payment = self._read(number)
        key, amount = f"{number}:authorize", Money(order["total_amount"])
        answer = self._outside.payments.authorize(number, amount, payment["card_token"], key)
        order = self._reread(number)
        if self._move(order["id"], "payment_status", "authorized", ["pending"], at):
            self._keep_provider_id(order["id"], answer.id)
            self._enqueue("capture_payment", number, at)
        self._db.connection.commit()

    def _capture(self, number: str, at: datetime) -> None:
        _, payment = self._read(number)
        answer = self._outside.payments.capture(payment["provider_id"], f"{number}:capture:1")
        order, before = self._reread(number), ["pending", "authorized", "failed"]
        if self._move(order["id"], "payment_status", "paid", before, at):
            self._keep_provider_id(order["id"], answer.id)
            if self._move(order["id"], "status", "confirmed", ["placed"], at):
                self._enqueue("send_confirmation", number, at)
        self._enqueue("check_payment", number, at + timedelta(seconds=30))
        self._db.connection.commit()

    def _check(self, number: str, at: datetime) -> None:
        # It falls due after half a minute; the payments of the bench are settled by then.
        if self._reread(number)["payment_status"] != "paid":
            raise LookupError(f"{number} is not paid, and by hand nobody asks the provider why.")
        self._db.connection.rollback()

    def _confirm(self, number: str, at: datetime) -> None:
        order = self._reread(number)
        [country] = self._db.ask("SELECT * FROM country WHERE code = ?", order["country_code"])
        self._db.connection.rollback()
        sold = [f"{line['quantity']:>4} x {line['name']}" for line in order.pop("lines")]
        amounts = ("goods", "shipping", "tax", "total")
        totals = {name: Money(order[f"{name}_amount"]) for name in amounts}
        facts: dict[str, Any] = {"lines": "\n".join(sold), "discount": "", "gift_card": ""}
        facts["order"] = SimpleNamespace(**order, country=SimpleNamespace(**country))
        facts |= {"totals": SimpleNamespace(**totals), "link": f"/orders/{number}"}
        mail = write_mail("confirmation", order["email"], number, at, **facts)
        mail["Subject"] = f"Your order {number} at Brindle & Bolt"
        self._outside.mailer.send(mail)

    def _read(self, number: str) -> tuple[Row, Row]:
        [order] = self._db.ask("SELECT * FROM orders WHERE number = ?", number)
        [payment] = self._db.ask("SELECT * FROM payment WHERE order_id = ?", order["id"])
        self._db.connection.rollback()
        return order, payment

    def _reread(self, number: str) -> Row:
        [order] = self._db.ask("SELECT * FROM orders WHERE number = ?", number)
        lines = "SELECT * FROM order_line WHERE order_id = ? ORDER BY id"
        order["lines"] = self._db.ask(lines, order["id"])
        return order

    def _move(
        self, order_id: int, subject: str, status: str, before: Sequence[str], at: datetime
    ) -> int:
        listed = ", ".join("?" * len(before))
        move = f"UPDATE orders SET {subject} = ? WHERE id = ? AND {subject} IN ({listed})"  # noqa: S608
        moved = self._db.change(move, status, order_id, *before)
        if moved:
            self._note(order_id, subject, status, at)
        return moved

    def _keep_provider_id(self, order_id: int, provider_id: str) -> None:
        self._db.change(
            "UPDATE payment SET provider_id = ? WHERE order_id = ?", provider_id, order_id
        )

    def _note(self, order_id: int, subject: str, status: str, at: datetime) -> None:
        entry = "INSERT INTO order_history (order_id, subject, status, at) VALUES (?, ?, ?, ?)"
        self._db.change(entry, order_id, subject, status, self._db.moment(at))

    def _enqueue(self, kind: str, number: str, due_at: datetime) -> None:
        payload = self._db.json({"number": number, "nth": 1, "version": 2})
        due = self._db.moment(due_at)
        self._db.change(_INSERT_JOB, f"{number}:{kind}:1", kind, payload, due, due)


def _price(row: Row) -> PricedLine:
    return PricedLine(
        row["id"], row["sku"], row["name"], Money(row["price_amount"]), row["quantity"]
    )
