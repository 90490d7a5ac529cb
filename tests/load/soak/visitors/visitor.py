"""Somebody who visits a store, expects something of each answer, and notes what was amiss."""

import json
import os
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from locust import HttpUser, between
from locust.env import Environment
from locust.exception import RescheduleTask

from tests.load.shopper import read_notice
from tests.load.soak.briefing import VARIABLE, read_briefing
from tests.load.soak.visitors.refusals import find_refusal

BRIEFING = read_briefing(Path(os.environ[VARIABLE]))
PATIENCE = 60.0
_visitors = count()


@dataclass(frozen=True)
class Page:
    """An answer: `refusal` is the kind of it, where the store has refused."""

    status: int
    text: str
    location: str
    refusal: str | None

    @property
    def json(self) -> Any:
        """Return what an answer to a program holds."""
        return json.loads(self.text)


class Notes:
    """What all visitors together have seen."""

    def __init__(self) -> None:
        self.refusals: Counter[str] = Counter()
        self.numbers: list[str] = []


NOTES = Notes()


class Visitor(HttpUser):
    """One of many; each next one goes to the next store."""

    abstract = True
    wait_time = between(0.5, 2.5)

    def __init__(self, environment: Environment) -> None:
        self.nth = next(_visitors)
        self.dice = random.Random(f"{BRIEFING.seed} {self.nth}")
        self.host = BRIEFING.urls[self.nth % len(BRIEFING.urls)]
        super().__init__(environment)
        self.client.trust_env = False

    def ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        status: int = 200,
        shows: str = "",
        leads_to: str = "",
        may: Collection[str] = (),
        data: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a request, and check that the answer is what it has to be.

        :param shows: what has to stand on the page; `leads_to` is the end of where it sends one.
        :param may: the refusals that can happen here.
        :raises RescheduleTask: when the answer is wrong: it is noted, and the visitor does
            something else.
        """
        with self.client.request(
            *(method, path, what, True),
            data=data,
            json=json,
            headers=headers,
            allow_redirects=False,
            timeout=PATIENCE,
        ) as answer:
            text, code = answer.text or "", answer.status_code
            location = urlsplit(answer.headers.get("Location", "")).path if code else ""
            refusal = find_refusal(code, text, may)
            if code == status and shows in text and location.endswith(leads_to):
                answer.success()
                return Page(code, text, location, None)
            if refusal:
                answer.success()
                NOTES.refusals[refusal] += 1
                return Page(code, text, location, refusal)
            answer.failure(f"{code} {location} {_describe(text)}, not {status} {leads_to}{shows}")
        raise RescheduleTask

    def note_refusal(self, kind: str) -> None:
        """Count a refusal that came with a page that is otherwise as it should be."""
        NOTES.refusals[kind] += 1


def read_csrf(page: str) -> str:
    """Return the token that guards the forms of a page.

    :raises LookupError: when there is none.
    """
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
    if found is None:
        raise LookupError(f"No form has a token: {_describe(page)}")
    return found[1]


def _describe(page: str) -> str:
    """Say what a page is, as shortly as a line of the report is."""
    heading = re.search(r"<h1[^>]*>\s*([^<]+)", page)
    return read_notice(page)[:150] or (heading[1].strip() if heading else page[:150])
