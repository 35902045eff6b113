"""One real Milvus server, skipped where its programs are not, and the integration tests' deployment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration import conftest as integration
from integration.conftest import Deployment, deployment  # noqa: F401 # a fixture
from milvus.server import Server, programs

pytest.importorskip("pymilvus", reason="pymilvus is not installed; `make milvus` installs it")


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL and Django, unless other tests of the same run did."""
    from django.conf import settings as django_settings

    if not django_settings.configured:
        integration.pytest_configure(config)


def pytest_unconfigure() -> None:
    """Stop PostgreSQL."""
    integration.pytest_unconfigure()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the server, up; whoever kills it starts it again."""
    binaries = programs()
    if binaries is None:
        pytest.skip("the programs of the Milvus server are not here; `make milvus` fetches them")
    made = Server(tmp_path_factory.mktemp("milvus") / "home", binaries)
    try:
        made.start()
        yield made
    finally:
        made.kill()
