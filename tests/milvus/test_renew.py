"""Another rotation of a gallery in the real Milvus: it is searched all the while, and nothing of before is left there."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from milvus import sent_gallery
from milvus.sent_gallery import PEOPLE, eventually, expected, in_memory, nearest
from milvus.server import Server

from countenance.apps.galleries import distributing, moving, renewing
from countenance.apps.galleries.models import Collection
from countenance.errors import IndexUnavailable
from countenance.index.collection import MilvusIndex

on = sent_gallery.on

pytestmark = pytest.mark.timeout(1500)


def sent(on: Any) -> tuple[MilvusIndex, dict[int, np.ndarray]]:
    """Return the collection that serves, and the templates as they stand in it."""
    serving = distributing.serving(on.gallery)
    assert serving is not None
    index = distributing.index_of(serving, tools=on.tools)
    index.open()
    return index, index.templates(np.array(expected(on)))


def test_a_gallery_gets_another_rotation_while_it_is_searched(on: Any, server: Server) -> None:
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, grace=0)
    old, before = sent(on)
    nearest(on, PEOPLE[7])
    wanted = in_memory(on)
    stop, answers = threading.Event(), list[Any]()

    def search() -> None:
        probe = on.tools.engine.template(PEOPLE[7], 3)
        while not stop.is_set():
            try:
                found = on.tools.shelf.search(
                    probe.vector, galleries=[on.gallery.pk], k=1, model=probe.model
                )
                answers.append(found[0][1].row)
            except Exception as error:  # noqa: BLE001 # looked at below
                answers.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    said: list[str] = []
    try:
        renewing.renew(on.actor, gallery=on.gallery, tools=on.tools, told=said.append, grace=0)
        assert [nearest(on, name)[0] for name in PEOPLE[:20]] == wanted == in_memory(on)
    finally:
        stop.set()
        thread.join()
    assert set(answers) == {wanted[7]}
    assert len(answers) > 100
    assert any("another rotation" in line for line in said)
    new, after = sent(on)
    assert new.name != old.name
    assert not old.exists()
    assert Collection.objects.filter(gallery=on.gallery).count() == 1
    assert before.keys() == after.keys()
    # The same face under another rotation is as far from what it was as a stranger is.
    alike = [float(before[row] @ after[row]) for row in before]
    assert np.abs(alike).mean() < 0.25
    serving = distributing.serving(on.gallery)
    assert distributing.check(serving, tools=on.tools).none


def test_one_that_is_interrupted_by_a_server_that_dies_is_searched_in_memory_and_ends_when_called_again(
    on: Any, server: Server
) -> None:
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, grace=0)
    _, before = sent(on)

    def told(line: str) -> None:
        if "another rotation" in line:
            server.kill()

    with pytest.raises(IndexUnavailable, match="does not answer"):
        renewing.renew(on.actor, gallery=on.gallery, tools=on.tools, told=told, grace=0)
    wanted = in_memory(on)
    assert [nearest(on, name)[0] for name in PEOPLE[:20]] == wanted
    server.start()
    eventually(lambda: renewing.renew(on.actor, gallery=on.gallery, tools=on.tools, grace=0))
    # It was in memory when it was called again, and stays there until somebody moves it.
    assert distributing.serving(on.gallery) is None
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, grace=0)
    assert [nearest(on, name)[0] for name in PEOPLE[:20]] == wanted
    _, after = sent(on)
    assert np.abs([float(before[row] @ after[row]) for row in before]).mean() < 0.25
