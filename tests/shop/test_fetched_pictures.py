import socket
import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.interleaving import interleave
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.errors import GatewayUnavailable, PictureRefused
from shop.gateways.fakes import FakePictures
from shop.gateways.pictures import (
    DEADLINE_SECONDS,
    MOST_BYTES,
    FetchedPicture,
    HttpPictures,
    look_up,
)
from shop.models import Job, Picture, Product
from shop.services.jobs import enqueue
from shop.worker.loop import Worker

URL = "https://pictures.example/kettle.png"
PUBLIC = "93.184.215.14"
PNG = b"\x89PNG\r\n\x1a\n and so on"
KINDS = {"image/png": PNG, "image/jpeg": b"\xff\xd8\xff\xe0", "image/webp": b"RIFF\n\0\0\nWEBPVP8 "}
Answer = Callable[[httpx.Request], httpx.Response]


class Internet:
    """A transport that answers all requests alike, and names that stand for these addresses."""

    def __init__(self, answer: httpx.Response | Exception, *addresses: str) -> None:
        self.answer, self.addresses = answer, addresses or (PUBLIC,)
        self.requests: list[httpx.Request] = []
        self.looked_up: list[str] = []
        self.seconds = 0.0

    def look_up(self, host: str) -> tuple[str, ...]:
        self.looked_up.append(host)
        return self.addresses

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def source(self, hosts: str = "pictures.example") -> HttpPictures:
        transport = httpx.MockTransport(self.respond)
        return HttpPictures(hosts, self.look_up, transport, lambda: self.seconds)


class Pieces(httpx.SyncByteStream):
    """A body that keeps coming, and counts what was taken of it."""

    def __init__(self, piece: bytes, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.piece, self.meanwhile = piece, meanwhile
        self.taken, self.is_closed = 0, False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.meanwhile()
            self.taken += 1
            yield self.piece

    def close(self) -> None:
        self.is_closed = True


def body(content: bytes, status: int = 200, kind: str = "image/png") -> httpx.Response:
    """Return an answer that has not been read yet; those of a redirect lead inside."""
    headers = {"Content-Type": kind, "Location": "http://169.254.169.254/"}
    return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)


def png() -> httpx.Response:
    return body(PNG)


def asked_of(internet: Internet, url: str, hosts: str = "pictures.example") -> list[httpx.Request]:
    """Return what reached the transport, for an address that is refused."""
    with pytest.raises(PictureRefused):
        internet.source(hosts).fetch(url)
    return internet.requests


@pytest.mark.parametrize(("kind", "content"), KINDS.items())
def test_a_picture_is_known_by_its_first_bytes(kind: str, content: bytes) -> None:
    internet = Internet(body(content, kind="text/css"))

    assert internet.source().fetch(URL) == FetchedPicture(content, kind)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html>",
        b"GIF89a",
        b" " + PNG,
        b"RIFF\0\0\0\0WAVE",
        b"\x89PNG",
    ],
)
def test_what_is_no_picture_is_refused_whatever_its_host_calls_it(content: bytes) -> None:
    with pytest.raises(PictureRefused, match="neither PNG nor JPEG nor WebP"):
        Internet(body(content)).source().fetch(URL)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        (URL, None),
        ("http://pictures.example/a", None),
        ("https://pictures.example:443/a", None),
        ("http://pictures.example:443/a", 443),
        ("HTTPS://PICTURES.EXAMPLE/a", None),
    ],
)
@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_the_connection_goes_to_the_address_that_was_checked(
    url: str, port: int | None, address: str
) -> None:
    internet = Internet(png(), address)

    internet.source().fetch(url)

    (request,) = internet.requests
    assert (request.url.host, request.url.port) == (address, port)
    assert request.headers["Host"].partition(":")[0] == "pictures.example"
    assert request.extensions["sni_hostname"] == "pictures.example"
    assert internet.looked_up == ["pictures.example"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1"),  # noqa: S104
        *("192.168.0.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "192.0.2.1", "::", "::1", "::ffff:127.0.0.1"),
        *("::ffff:93.184.215.14", "::127.0.0.1", "::93.184.215.14", "fd00::1", "fe80::1"),
        *("fe80::1%eth0", "fec0::1", "ff0e::1", "2001:db8::1", "2002:7f00:1::1"),
        *("2002:5db8:d70e::1", "64:ff9b::7f00:1", "64:ff9b::5db8:d70e", "64:ff9b:1::1"),
        *("2001::1", "100::1", "4000::1"),
    ],
)
def test_a_name_at_an_address_that_is_not_public_is_never_asked(address: str) -> None:
    assert asked_of(Internet(png(), address), URL) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("is_first", [True, False])
def test_one_address_that_is_not_public_spoils_the_name(address: str, is_first: bool) -> None:
    addresses = (address, PUBLIC) if is_first else (PUBLIC, address)

    assert asked_of(Internet(png(), *addresses), URL) == []


def test_a_name_without_an_address_is_never_asked() -> None:
    internet = Internet(png())
    internet.addresses = ()

    assert asked_of(internet, URL) == []


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
        *("127.1", "0", "0.0.0.0", "169.254.169.254", "10.0.0.1", "localhost"),  # noqa: S104
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[fd00::1]"),
    ],
)
def test_no_spelling_of_an_inner_address_is_asked_even_if_the_list_names_it(host: str) -> None:
    internet = Internet(png())
    # The operating system reads all of these as addresses.
    internet.look_up = look_up  # type: ignore[assignment]

    assert asked_of(internet, f"http://{host}/a.png", host.strip("[]")) == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "kettle.png", "/kettle.png", "//pictures.example/a", "https:///a", "https://"),
        *("ftp://pictures.example/a", "file:///etc/passwd", "file://pictures.example/etc/passwd"),
        *("gopher://pictures.example/a", "data:image/png;base64,AAAA", "javascript:alert(1)"),
        *("https://pictures.example:22/a", "https://pictures.example:8443/a", "http://pictures.example:0/a"),
        *("https://jo:pw@pictures.example/a", "https://jo@pictures.example/a"),
        *("https://pictures.example@evil.example/a", "https://evil.example#@pictures.example/"),
        *("https://evil.example\\@pictures.example/a", "https://pictures.example.evil.example/a"),
        *("https://evil.example/pictures.example", "https://pictures.example./a"),
        *("https://pictures.example%00.evil.example/", "https://pictures.example:99999/a"),
        *("https://pictures.example:x/a", "https://[::1/a", "https://pictures.example/\n", "http://\ud800/"),
        *("https://" + "a" * 70_000, " https://pictures.example/a"),
    ],
)  # fmt: skip
def test_no_other_address_is_looked_up_or_asked(url: str) -> None:
    internet = Internet(png())

    assert (asked_of(internet, url), internet.looked_up) == ([], [])


@pytest.mark.parametrize("hosts", ["", " ", ",", ", ,", "cdn.example", "*.example", "example"])
def test_a_host_that_the_list_does_not_name_is_not_looked_up(hosts: str) -> None:
    internet = Internet(png())

    assert (asked_of(internet, URL, hosts), internet.looked_up) == ([], [])


@pytest.mark.parametrize("hosts", ["pictures.example", "a.example, Pictures.Example ,b.example"])
def test_a_host_that_the_list_names_is_asked(hosts: str) -> None:
    assert Internet(png()).source(hosts).fetch(URL).content == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    requests = asked_of(Internet(body(PNG, status)), URL)

    assert [request.url.host for request in requests] == [PUBLIC]


@pytest.mark.parametrize("status", [201, 204, 206, 400, 401, 404, 410])
def test_another_answer_than_the_picture_is_refused(status: int) -> None:
    with pytest.raises(PictureRefused, match=f"its host answered {status}"):
        Internet(body(PNG, status)).source().fetch(URL)


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(500), httpx.Response(503), httpx.ConnectTimeout("no"), httpx.ReadError("no"),
     ssl.SSLError("wrong name"), socket.gaierror("no such name")],
)  # fmt: skip
def test_a_host_in_trouble_is_asked_again_later(trouble: httpx.Response | Exception) -> None:
    with pytest.raises(GatewayUnavailable):
        Internet(trouble).source().fetch(URL)


def test_a_picture_of_the_largest_size_is_taken() -> None:
    content = PNG.ljust(MOST_BYTES, b"\0")

    picture = Internet(body(content)).source().fetch(URL)

    assert len(picture.content) == MOST_BYTES


def test_of_a_body_without_end_little_more_than_a_picture_is_read() -> None:
    body = Pieces(PNG.ljust(64 * 1024))

    with pytest.raises(PictureRefused, match="larger than 2 MB"):
        Internet(httpx.Response(200, stream=body)).source().fetch(URL)

    assert (body.taken, body.is_closed) == (MOST_BYTES // (64 * 1024) + 1, True)


def test_nothing_is_unpacked() -> None:
    internet = Internet(httpx.Response(200, stream=Pieces(b"\x1f\x8b" * MOST_BYTES)))
    internet.answer.headers["Content-Encoding"] = "gzip"  # type: ignore[union-attr]

    assert asked_of(internet, URL)[0].headers["Accept-Encoding"] == "identity"


def test_a_body_that_drips_is_given_up() -> None:
    internet = Internet(httpx.Response(200))

    def wait() -> None:
        internet.seconds += 1

    body = Pieces(b"\x89", wait)
    internet.answer = httpx.Response(200, stream=body)

    with pytest.raises(GatewayUnavailable, match="too long"):
        internet.source().fetch(URL)

    assert (body.taken, body.is_closed) == (DEADLINE_SECONDS + 1, True)


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    client = HttpPictures("pictures.example")._client

    assert (client.trust_env, client.follow_redirects, client._mounts) == (False, False, {})


def queue(session: Session, sku: str = "LMP-001", url: str = URL, alt: str = "A lamp") -> None:
    with transaction(session):
        enqueue(session, "fetch_picture", START, sku=sku, url=url, alt=alt)


def stored(session: Session) -> list[tuple[int, str, str, bytes | None]]:
    session.rollback()
    columns = Picture.position, Picture.alt, Picture.content_type, Picture.content
    return [tuple(row) for row in session.execute(select(*columns).order_by(Picture.position))]  # type: ignore[misc]


def test_a_job_puts_the_picture_behind_the_others(
    session: Session, worker: Worker, pictures: FakePictures, lamp: Product
) -> None:
    session.add(Picture(product_id=lamp.id, position=3, alt="the old one", name="lamp.svg"))
    session.commit()
    queue(session)

    run_due_jobs(worker)

    content = pictures.fetch(URL).content
    assert stored(session)[1:] == [(4, "A lamp", "image/png", content)]


def test_the_same_picture_twice_is_one(session: Session, worker: Worker, lamp: Product) -> None:
    for _ in range(2):
        queue(session)
        run_due_jobs(worker)

    assert len(stored(session)) == 1


def test_a_job_that_runs_twice_stores_one_picture(
    session: Session, worker: Worker, pictures: FakePictures, lamp: Product
) -> None:
    queue(session)
    run_due_jobs(worker)
    for job in session.scalars(select(Job)):
        job.done_at = None
    session.commit()

    run_due_jobs(worker)

    assert (len(stored(session)), pictures.asked) == (1, [URL, URL])


def test_two_pictures_of_one_product_at_once_are_both_stored(
    session: Session, worker: Worker, clock: FixedClock, lamp: Product
) -> None:
    queue(session)
    queue(session, url=f"{URL}?2")

    race = interleave(
        worker.run_one, worker.run_one, before=lambda sql: "INSERT INTO picture" in sql
    )
    clock.advance(60)
    run_due_jobs(worker)

    assert (race.b.result, [row[0] for row in stored(session)]) == (True, [1, 2])


def test_addresses_that_begin_alike_are_told_apart(
    session: Session, worker: Worker, lamp: Product
) -> None:
    for end in ("1", "2"):
        queue(session, url=f"https://pictures.example/{'x' * 400}{end}")
    keys = session.scalars(select(Job.key)).all()

    run_due_jobs(worker)

    assert ({len(key) for key in keys}, {key[:8] for key in keys}) == ({100}, {"LMP-001:"})
    assert len(stored(session)) == 2


@pytest.mark.parametrize("sku", ["LMP-001", "GONE-1"])
def test_a_picture_that_is_refused_is_set_aside_with_its_reason(
    session: Session, worker: Worker, lamp: Product, sku: str
) -> None:
    source = Internet(png(), "10.0.0.1").source() if sku == "LMP-001" else FakePictures()
    worker.outside["pictures"] = source  # type: ignore[index]
    queue(session, sku)

    run_due_jobs(worker)

    job = session.scalars(select(Job)).one()
    said = "not on the public network" if sku == "LMP-001" else "no such product"
    assert (job.set_aside_at, job.attempts, said in (job.last_error or "")) == (START, 1, True)


def test_a_picture_whose_host_is_away_is_tried_again(
    session: Session, worker: Worker, clock: FixedClock, lamp: Product
) -> None:
    internet = Internet(httpx.Response(503))
    worker.outside["pictures"] = internet.source()  # type: ignore[index]
    queue(session)
    run_due_jobs(worker)
    internet.answer = png()
    clock.advance(2)

    run_due_jobs(worker)

    assert [row[3] for row in stored(session)] == [PNG]
