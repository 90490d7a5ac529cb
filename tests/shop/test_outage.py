import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from scenarios.kit.pages import sentence
from tests.factories import PASSWORD, CartFactory, CustomerFactory


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/", "/account/", "/staff/", "/orders/find"])
def test_somebody_signed_in_is_told_in_a_sentence_that_the_database_is_away(
    app: Flask, client: FlaskClient, session: object, path: str
) -> None:
    customer = CustomerFactory.create()
    CartFactory.create(customer_id=customer.id)
    email = customer.email
    client.post("/sign-in", data={"email": email, "password": PASSWORD})
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(*_: object) -> None:
        raise ConnectionError("the database is away")

    event.listen(app.extensions["sessions"].kw["bind"], "before_cursor_execute", fail)
    page = client.get(path)

    assert (page.status_code, "Something went wrong on our side" in sentence(page)) == (500, True)
