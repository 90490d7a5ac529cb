"""Pictures of products, fetched from the addresses that a file of products names.

Whoever writes such a file must not see through the store's eyes: not its own machine, its network
or the addresses where a cloud keeps secrets. So only hosts on a list are asked, and only at public
addresses. The name is looked up once, and the connection goes to the address that was checked,
while certificate and `Host` are still those of the name: a name that points elsewhere a moment
later changes nothing. No redirect is followed, and no proxy is used.
"""

import re
import socket
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Protocol

import httpx

from shop.domain.picture import find_type
from shop.errors import GatewayUnavailable, PictureRefused
from shop.gateways.http import open_client

_SERVICE = "The host of a picture"
MOST_BYTES = 2 * 1024 * 1024
DEADLINE_SECONDS = 20.0
_TIMEOUT_SECONDS = 5.0
# Of IPv6 only 2000::/3 is public, and in it 2002::/16 wraps addresses of IPv4, private ones too.
_PUBLIC, _WRAPPED = ip_network("2000::/3"), ip_network("2002::/16")


@dataclass(frozen=True, slots=True)
class FetchedPicture:
    """A picture, and what it is: image/png, image/jpeg or image/webp."""

    content: bytes
    content_type: str


class PictureSource(Protocol):
    """Where pictures come from."""

    def fetch(self, url: str) -> FetchedPicture:
        """Return the picture at an address.

        :raises PictureRefused: when it is none that the store takes; asking again will not help.
        :raises GatewayUnavailable: when its host does not answer in time, or fails.
        """


def look_up(host: str) -> Collection[str]:
    """Return every address that a name stands for."""
    return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}


class HttpPictures:
    """Pictures over HTTP, and only from `hosts`, which are separated by commas."""

    def __init__(
        self,
        hosts: str,
        look_up: Callable[[str], Collection[str]] = look_up,
        transport: httpx.BaseTransport | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = re.findall(r"[^,\s]+", hosts.lower())
        self._look_up, self._timer = look_up, timer
        # No connection is kept: the next name at the same address has a certificate of its own.
        limits, seconds = httpx.Limits(max_keepalive_connections=0), _TIMEOUT_SECONDS
        self._client = open_client(transport=transport, timeout=seconds, limits=limits)

    def fetch(self, url: str) -> FetchedPicture:
        ends_at = self._timer() + DEADLINE_SECONDS
        try:
            target, name, address = self._locate(url)
            headers = {"Host": target.netloc.decode(), "Accept-Encoding": "identity"}
            pinned, of_name = target.copy_with(host=address), {"sni_hostname": name}
            with self._client.stream("GET", pinned, headers=headers, extensions=of_name) as answer:
                content = self._read(answer, ends_at)
        except (httpx.HTTPError, OSError) as error:
            raise GatewayUnavailable(_SERVICE, repr(error)) from error
        if kind := find_type(content):
            return FetchedPicture(content, kind)
        raise PictureRefused(why="it is neither PNG nor JPEG nor WebP")

    def _locate(self, url: str) -> tuple[httpx.URL, str, str]:
        """Return the address, the name of its host, and where that is, if the store may ask it."""
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise PictureRefused(why="its address cannot be read") from error
        name = target.raw_host.decode()
        is_plain = target.scheme in ("http", "https") and target.port in (None, 80, 443)
        if not is_plain or target.userinfo or name not in self._hosts:
            raise PictureRefused(why="its address is not that of a host in SHOP_PICTURE_HOSTS")
        found = sorted(self._look_up(name))
        if not found or not all(map(_is_public, found)):
            raise PictureRefused(why="its host is not on the public network")
        return target, name, found[0]

    def _read(self, answer: httpx.Response, ends_at: float) -> bytes:
        if answer.is_server_error:
            raise GatewayUnavailable(_SERVICE, f"it answered {answer.status_code}")
        if answer.status_code != httpx.codes.OK:
            raise PictureRefused(why=f"its host answered {answer.status_code}")
        content = b""
        # Raw, so that nothing is unpacked: a few bytes can unpack to more than there is memory.
        for piece in answer.iter_raw():
            content += piece
            if len(content) > MOST_BYTES:
                raise PictureRefused(why="it is larger than 2 MB")
            if self._timer() > ends_at:
                raise GatewayUnavailable(_SERVICE, "it took too long")
        return content


def _is_public(address: str) -> bool:
    ip = ip_address(address)
    is_wrapped = ip.version == 6 and (ip not in _PUBLIC or ip in _WRAPPED)
    return ip.is_global and not ip.is_multicast and not is_wrapped
