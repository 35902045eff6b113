"""One real Milvus server for all, and throw-away ones to be killed; skipped where its programs are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from milvus.server import Server, programs

pytest.importorskip("pymilvus", reason="pymilvus is not installed; `make milvus` installs it")

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers in folders of their own; all are killed at the end."""
    binaries = programs()
    if binaries is None:
        pytest.skip("the programs of the Milvus server are not here; `make milvus` fetches them")
    running: list[Server] = []

    def started(**settings: str) -> Server:
        server = Server(tmp_path_factory.mktemp("milvus") / "home", binaries, **settings)
        running.append(server)
        server.start()
        return server

    yield started
    for server in running:
        server.kill()


@pytest.fixture(scope="session")
def server(start: Start) -> Server:
    """Return the server that stays up."""
    return start()


@pytest.fixture(scope="module")
def guarded(start: Start) -> Iterator[Server]:
    """Return a server that asks for a token."""
    made = start(**{"common.security.authorizationEnabled": "true"})
    yield made
    made.kill()
