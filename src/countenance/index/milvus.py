"""The Milvus server: reaching it, and every failure of it in words. Only this module knows pymilvus.

pymilvus is an extra, `requirements/milvus.txt`; without it no gallery can be kept in Milvus, and all else works.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from countenance.errors import IndexUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the Milvus server is and how to reach it.

    `timeout` is for one call, in seconds; building an index has its own. The files are for TLS: a
    certificate to trust beside the machine's own, and a certificate and key to show the server.
    """

    uri: str
    token: str = field(default="", repr=False)
    timeout: float = 10.0
    trusted: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""


_STARTING = (
    "not loaded",
    "not fully loaded",
    "not ready",
    "not serving",
    "not healthy",
    "no available",
    "not available",
    "initializ",
    "recover",
)
"""What a server says in the minute after it was started, between being well and answering."""

_LONGEST_REASON = 300

Connect = Callable[[Place], Any]


class Build(NamedTuple):
    """How far the server is with an index: its own word for the state, the rows that are indexed, and why it failed."""

    state: str
    indexed: int
    reason: str


class Connection:
    """A client of the server, made when it is first needed; any number of threads may use it.

    Every failure comes out as `IndexUnavailable` in words of our own: what pymilvus says can quote ids and
    filters.
    """

    def __init__(self, place: Place, *, connect: Connect | None = None) -> None:
        """Keep the place; nothing is asked of the server yet."""
        self.place = place
        self._connect = connect or _connect
        self._lock = threading.Lock()
        self._client: Any = None

    def call(self, name: str, *arguments: Any, timeout: float | None = None, **more: Any) -> Any:
        """Do what the client's method of this name does.

        Raises:
            IndexUnavailable: it failed, or did not answer in time.
        """
        more["timeout"] = timeout or self.place.timeout
        return self.ask(lambda client: getattr(client, name)(*arguments, **more))

    def stamp(self) -> int:
        """Return the server's present time: whoever reads as of it sees all that was acknowledged before.

        The client's own "Session" does not do: deletions are still found with it (measured, 20 of 20).

        Raises:
            IndexUnavailable: as `call`.
        """
        return int(
            self.ask(
                lambda client: client._get_connection().alloc_timestamp(  # noqa: SLF001 # nothing public gives it
                    timeout=self.place.timeout
                )
            )
        )

    def build(self, collection: str, index: str, *, stamp: int, timeout: float) -> Build:
        """Return how far the server is with an index of the rows that were there at a time of its own.

        Raises:
            IndexUnavailable: as `call`.
        """
        asked = {"timeout": timeout, "timestamp": stamp}
        told = self.ask(lambda client: client.describe_index(collection, index, **asked)) or {}
        state, reason = str(told.get("state", "")), ""
        if state == "Failed":
            _, reason = self.ask(
                lambda client: client._get_connection().get_index_state(  # noqa: SLF001 # nothing public gives the reason
                    collection, index, **asked
                )
            )
        # Of a build the server names its own parts and settings, no rows; still no more than a line of it is shown.
        line = "".join(sign if sign.isprintable() else " " for sign in str(reason))
        return Build(state, int(told.get("indexed_rows", 0)), line[:_LONGEST_REASON].strip())

    def close(self) -> None:
        """Leave the server."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Put a question to the client.

        Raises:
            IndexUnavailable: it failed, or did not answer in time.
        """
        try:
            client = self._client or self._connected()
            return question(client)
        except IndexUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 # of pymilvus, gRPC or a worse kind: all become words
            fault = _in_words(error)
        # Raised out here, so that the client's own words hang on it nowhere.
        raise fault

    def _connected(self) -> Any:
        # Not under the lock: while the server is away, threads would wait for it one after the other.
        made = self._connect(self.place)
        with self._lock:
            if self._client is None:
                self._client = made
            client = self._client
        if client is not made:
            made.close()
        return client


def _connect(place: Place) -> Any:
    """Return a client of pymilvus, which says nothing in logs.

    Raises:
        IndexUnavailable: pymilvus is not installed.
    """
    # Both read the environment when they are imported: the one would log addresses, the other take in a file
    # named .env that lies somewhere above.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
    try:
        from pymilvus import MilvusClient
    except ImportError:
        raise IndexUnavailable(
            "A gallery is kept in Milvus, and its client is not installed here. Install "
            "requirements/milvus.txt, as docs/how-to/milvus.md says."
        ) from None
    # What it logs quotes filters, and with them ids.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    files = {"client_pem_path": place.certificate, "client_key_path": place.key}
    files["ca_pem_path" if place.certificate else "server_pem_path"] = place.trusted
    files["server_name"] = place.server_name
    used = {name: value for name, value in files.items() if value}
    # Its own connection: a shared one would be closed by whoever closes first.
    return MilvusClient(
        uri=place.uri, token=place.token, timeout=place.timeout, dedicated=True, **used
    )


def _in_words(error: Exception) -> IndexUnavailable:
    if isinstance(error, FileNotFoundError | PermissionError):
        return IndexUnavailable(
            "A certificate or key file of the settings COUNTENANCE_MILVUS__… cannot be read."
        )
    code = getattr(error, "code", None)
    code = code() if callable(code) else code
    number = code if isinstance(code, int) else None
    # The client says of a token that is refused that the server is not reached; the cause says which it was.
    text = f"{error} {error.__cause__ or ''}".lower()
    if "unauthenticated" in text or "auth check" in text or "permission" in text:
        return IndexUnavailable(
            "Milvus refuses the token of COUNTENANCE_MILVUS__TOKEN.", milvus_code=number
        )
    if "not found" in text and "collection" in text:
        return IndexUnavailable(
            "The gallery's collection is not there in Milvus. Run `countenance index repair`.",
            milvus_code=number,
        )
    if any(word in text for word in _STARTING):
        return IndexUnavailable(
            "Milvus is still starting or loading the gallery; try again in a minute.",
            milvus_code=number,
        )
    if any(word in text for word in ("unavailable", "timeout", "deadline", "fail connecting")):
        return IndexUnavailable(
            "Milvus does not answer at the address of COUNTENANCE_MILVUS__URI. Nothing is lost; try again "
            "when it runs.",
            milvus_code=number,
        )
    return IndexUnavailable("Milvus could not do what was asked of it.", milvus_code=number)
