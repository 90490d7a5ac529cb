import pytest
from flask.testing import FlaskClient

from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import FakeMailer
from shop.models import Customer
from shop.worker.loop import Worker
from tests.factories import PASSWORD

HOST = "x7q.example"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_link_in_a_mail_leads_to_the_store_whatever_host_was_asked(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    headers = {"Host": HOST, "X-Forwarded-Host": HOST}
    client.post("/password/forgot", data={"email": ada.email}, headers=headers)

    run_due_jobs(worker)

    [mail] = mailer.sent
    assert "here within one hour: http://store.test/password/reset?" in mail.get_content()
    assert HOST not in mail.as_string()


def test_no_page_and_no_redirect_names_the_host_that_was_asked(
    client: FlaskClient, ada: Customer
) -> None:
    headers = {"Host": HOST, "X-Forwarded-Host": HOST}
    pages = [client.get(path, headers=headers) for path in ("/", "/products/lamp", "/account/")]
    form = {"email": ada.email, "password": PASSWORD}
    pages.append(client.post("/sign-in", data=form, headers=headers))

    sent = [str(page.headers) + page.text for page in pages]
    assert [text for text in sent if HOST in text] == []
