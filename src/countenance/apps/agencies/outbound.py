"""Asking an agency's sign-in provider something: bounded in time, size and number, and never next door.

A coordinator writes down where the provider is, so this must not become a way to reach what stands in
the same network as this machine. Addresses are looked up once, have to be public, and are then the
ones that are connected to; only hosts that the operator of the machine named may have others.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from countenance.errors import InputError, ProviderUnusable
from countenance.tools import Tools

# The library writes the address of each request into its log.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

MOST_BYTES = 256 * 1024
LONGEST_URL = 500
TIMEOUT = httpx.Timeout(5.0)
WHOLE_ANSWER = timedelta(seconds=10)
AT_ONCE = 3
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
# Addresses that stand for others, which need not be public.
TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

_room = threading.BoundedSemaphore(AT_ONCE)


def check_url(url: object, *, private: Collection[str]) -> str:
    """Return an address of a provider as it is, if it may be one.

    Raises:
        InputError: it is not HTTPS (plain HTTP only for this machine, if the operator named it), or
            has a name, a password or a fragment in it.
    """
    try:
        parts = urlsplit(str(url))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = parts.scheme == "http" and host in LOCAL and host in private
    if (
        not isinstance(url, str)
        or not (parts.scheme == "https" or plain)
        or not host
        or len(url) > LONGEST_URL
        or "@" in parts.netloc
        or parts.fragment
        or any(ord(sign) <= ord(" ") for sign in url)
    ):
        raise InputError("The provider's address has to begin with https:// and name a host.")
    return url


def is_public(address: str) -> bool:
    """Say whether an address is one of the public internet, and stands for no other."""
    one = ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv6Address) and (
        one.ipv4_mapped or one.sixtofour or one.teredo or any(one in net for net in TRANSLATED)
    ):
        return False
    return one.is_global and not one.is_multicast


def address_of(host: str, port: int) -> str:
    """Return the address of a host to connect to.

    Raises:
        ProviderUnusable: it has none, or one that is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ProviderUnusable from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise ProviderUnusable
    return addresses[0]


class _Bounded(httpx.SyncByteStream):
    """A body that ends with an error where it grows too large or takes too long."""

    def __init__(self, body: httpx.SyncByteStream, until: datetime, tools: Tools) -> None:
        self._body, self._until, self._tools = body, until, tools

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's parts.

        Raises:
            ProviderUnusable: it is too large, or took too long.
        """
        size = 0
        for part in self._body:
            size += len(part)
            if size > MOST_BYTES or self._tools.clock() > self._until:
                raise ProviderUnusable
            yield part

    def close(self) -> None:
        """End the connection's use."""
        self._body.close()


class Guarded(httpx.BaseTransport):
    """Carries requests to hosts with public addresses only, and bounds what comes back."""

    def __init__(
        self, *, private: Collection[str], tools: Tools, inner: httpx.BaseTransport | None = None
    ) -> None:
        """Keep which hosts may have other addresses."""
        self._private, self._tools = private, tools
        self._inner = inner or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request.

        Raises:
            ProviderUnusable: it may not go there, or the answer is compressed, which hides its size.
            InputError: the address is none of a provider.
        """
        check_url(str(request.url), private=self._private)
        host = request.url.host
        if host not in self._private:
            # Connected to is what was looked at; the certificate is still that of the name.
            address = address_of(host, request.url.port or 443)
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=address)
        until = self._tools.clock() + WHOLE_ANSWER
        answer = self._inner.handle_request(request)
        body = answer.stream
        if "content-encoding" in answer.headers or not isinstance(body, httpx.SyncByteStream):
            answer.close()
            raise ProviderUnusable
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_Bounded(body, until, self._tools),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


@contextmanager
def asking(*, private: Collection[str], tools: Tools) -> Iterator[httpx.Client]:
    """Give a client for one conversation with a provider; only so many have one at a time.

    Whatever goes wrong on the way ends as `ProviderUnusable`, and says nothing else.

    Raises:
        ProviderUnusable: something went wrong, or too many ask already.
    """
    if not _room.acquire(blocking=False):
        raise ProviderUnusable(
            "Too many sign-ins are on their way just now. Try again in a moment."
        )
    try:
        with httpx.Client(
            transport=Guarded(private=private, tools=tools),
            timeout=TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "Countenance"},
        ) as client:
            yield client
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
        raise ProviderUnusable from None
    finally:
        _room.release()


def read_json(client: httpx.Client, url: str) -> dict[str, Any]:
    """Return the JSON object at an address; a redirect is not followed.

    Raises:
        ProviderUnusable: there is none.
    """
    answer = client.get(url)
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if answer.status_code != httpx.codes.OK or not isinstance(found, dict):
        raise ProviderUnusable
    return found
