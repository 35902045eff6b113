"""A gallery of 600 faces for tests against the real server: made, searched, and compared with one in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import factories
import pytest
from milvus.server import TOKEN, Server

from countenance.apps.galleries import distributing, indexing
from countenance.apps.galleries.models import Face
from countenance.errors import IndexUnavailable
from countenance.index import FlatIndex
from countenance.index.milvus import Connection, Place
from countenance.index.shelf import Shelf

PEOPLE = [f"person {number:03}" for number in range(300)]
BACK_WITHIN = 180.0


@pytest.fixture
def on(deployment: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a deployment with a gallery of 600 faces, sent in batches of ten."""
    monkeypatch.setattr(distributing, "BATCH", 10)
    connection = Connection(Place(uri=server.uri, token=TOKEN, timeout=5))
    deployment.tools = replace(deployment.tools, milvus=connection)
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(PEOPLE, shots=[1, 2]))
    yield deployment
    connection.close()


def eventually(question: Callable[[], Any]) -> Any:
    """Ask until the server has come back as far as that it answers: after it says it is well, it takes a while."""
    until = time.monotonic() + BACK_WITHIN
    while True:
        try:
            return question()
        except IndexUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(2)


def expected(on: Any) -> list[int]:
    """Return the rows that the gallery has in the database."""
    present = Face.objects.filter(gallery=on.gallery, removed_version=None)
    return sorted(present.values_list("pk", flat=True))


def nearest(on: Any, name: str) -> tuple[int, float]:
    """Return row and similarity of the nearest to another photo of somebody."""
    template = on.tools.engine.template(name, 3)
    indexing.synchronise([on.gallery], tools=on.tools)
    found = on.tools.shelf.search(
        template.vector, galleries=[on.gallery.pk], k=1, model=template.model
    )
    return found[0][1].row, found[0][1].similarity


def in_memory(on: Any) -> Any:
    """Return what an exact index in memory says."""
    tools = replace(on.tools, shelf=Shelf())
    indexing.synchronise([on.gallery], tools=tools, beside=True)
    assert isinstance(tools.shelf.get(on.gallery.pk).index, FlatIndex)
    return [
        tools.shelf.search(
            on.tools.engine.template(name, 3).vector,
            galleries=[on.gallery.pk],
            k=1,
            model=on.tools.engine.model,
        )[0][1].row
        for name in PEOPLE[:20]
    ]
