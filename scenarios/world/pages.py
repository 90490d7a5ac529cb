"""The pages that people read: what this is, and the mails that were caught."""

from flask import Blueprint, Response, jsonify, render_template, request

from scenarios.world import postbox
from scenarios.world.bodies import find_last
from scenarios.world.cards import TEST_CARDS
from scenarios.world.conditions import find_changes
from scenarios.world.context import current_world
from scenarios.world.ledgers import count_rows
from scenarios.world.refusals import Refusal

pages = Blueprint("pages", __name__)

MAILS_PER_PAGE = 50
NO_SUCH_MAIL = Refusal(404, "not_found", "There is no such mail.")


@pages.get("/health")
def health() -> Response:
    """Say that the outside world answers."""
    return jsonify(status="ok")


@pages.get("/")
def index() -> str:
    """Say what this is and how it behaves now."""
    with current_world().ledger.transaction() as db:
        counts, changes = count_rows(db), find_changes(db)
    return render_template("index.html", cards=TEST_CARDS, counts=counts, changes=changes)


@pages.get("/mail")
def mails() -> str:
    """List the mails, newest first."""
    page = min(max(request.args.get("page", 1, type=int), 1), 1_000_000)
    with current_world().ledger.transaction() as db:
        found = postbox.find_mails(db, MAILS_PER_PAGE, (page - 1) * MAILS_PER_PAGE)
        number = postbox.count_mails(db)
    has_older = page * MAILS_PER_PAGE < number
    return render_template("mails.html", mails=found, number=number, page=page, has_older=has_older)


@pages.get("/mail/messages.json")
def mails_for_programs() -> Response:
    """List the mails for programs, newest first."""
    last = find_last()
    with current_world().ledger.transaction() as db:
        found = postbox.find_mails(db, last)
    return jsonify(messages=[mail.as_json() for mail in found])


@pages.get("/mail/<mail_id>")
def mail(mail_id: str) -> str:
    """Show one mail as plain text."""
    with current_world().ledger.transaction() as db:
        found = postbox.find_mail(db, mail_id)
        moments = postbox.find_moments(db, mail_id)
    if found is None:
        raise NO_SUCH_MAIL
    return render_template("mail.html", mail=found, moments=moments)


@pages.get("/mail/<mail_id>/source")
def mail_source(mail_id: str) -> Response:
    """Show a mail as it came over the wire."""
    with current_world().ledger.transaction() as db:
        source = postbox.find_source(db, mail_id)
    if source is None:
        raise NO_SUCH_MAIL
    return Response(source, content_type="text/plain; charset=utf-8")
