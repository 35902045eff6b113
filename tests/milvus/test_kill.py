"""The real server is killed in the middle of things: nothing is lost, errors are words, repair makes equal."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from milvus import sent_gallery
from milvus.sent_gallery import PEOPLE, eventually, expected, in_memory, nearest
from milvus.server import Server

from countenance.apps.galleries import distributing, moving, services
from countenance.apps.galleries import queries as galleries
from countenance.errors import IndexUnavailable
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import FLAT

on = sent_gallery.on

pytestmark = pytest.mark.timeout(1500)


def test_a_server_that_is_killed_while_a_gallery_is_sent_to_it(on: Any, server: Server) -> None:
    begun = distributing.make(on.gallery, kind=FLAT, tools=on.tools)
    index = distributing.index_of(begun, tools=on.tools)
    sent: list[int] = []

    def told(count: int) -> None:
        sent.append(count)
        if len(sent) == 20:
            # Beside this thread, so that it falls into whatever is under way.
            threading.Timer(0.02, server.kill).start()

    with pytest.raises(IndexUnavailable) as said:
        distributing.catch_up(begun, index, tools=on.tools, told=told)
    assert "does not answer" in said.value.detail
    assert 200 <= sum(sent) < 600
    # The gallery is searched all the while, where it was.
    assert nearest(on, PEOPLE[7])[1] > 0.5
    reached = type(begun).objects.get(pk=begun.pk).reached
    server.start()
    again: list[int] = []
    eventually(index.open)
    eventually(lambda: distributing.catch_up(begun, index, tools=on.tools, told=again.append))
    assert reached > 0
    assert sum(again) <= 600 - sum(sent) + 10, "it began anew"
    drift = distributing.check(begun, tools=on.tools)
    assert drift.none, drift
    assert sorted(index.rows().tolist()) == expected(on)
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, kind=FLAT, grace=0)
    assert [nearest(on, name)[0] for name in PEOPLE[:20]] == in_memory(on)


def test_a_server_that_is_killed_while_it_is_searched_and_written_to(
    on: Any, server: Server
) -> None:
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, kind=FLAT, grace=0)
    before = [nearest(on, name) for name in PEOPLE[:20]]
    index = on.tools.shelf.get(on.gallery.pk).index
    assert isinstance(index, MilvusIndex)
    answers: list[Any] = []
    stop = threading.Event()

    def search() -> None:
        probe = on.tools.engine.template(PEOPLE[7], 3)
        while not stop.is_set():
            try:
                found = on.tools.shelf.search(
                    probe.vector, galleries=[on.gallery.pk], k=1, model=probe.model
                )
                answers.append((found[0][1].row, found[0][1].similarity))
            except Exception as error:  # noqa: BLE001 # looked at below
                answers.append(error)
                time.sleep(0.2)

    searching = [threading.Thread(target=search) for _ in range(3)]
    for thread in searching:
        thread.start()
    time.sleep(2)
    server.kill()
    # Erased while the server is away: it is gone in the database, and must never come back.
    subject = galleries.subject_by_label(on.gallery, PEOPLE[0], tools=on.tools)
    services.remove_subject(on.actor, subject=subject, reason="Erase", tools=on.tools)
    with pytest.raises(IndexUnavailable, match="does not answer"):
        nearest(on, PEOPLE[0])
    server.start()
    eventually(index.open)
    eventually(lambda: nearest(on, PEOPLE[1]))
    until = time.monotonic() + 60
    while not isinstance(answers[-1], tuple) and time.monotonic() < until:
        time.sleep(0.5)
    stop.set()
    for thread in searching:
        thread.join()
    assert isinstance(answers[-1], tuple), "searches did not come back by themselves"
    wrong = [answer for answer in answers if isinstance(answer, tuple) and answer != before[7]]
    assert wrong == []
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    assert errors
    assert {type(error) for error in errors} == {IndexUnavailable}
    said = {error.detail for error in errors if isinstance(error, IndexUnavailable)}
    print(len(answers) - len(errors), "answers,", len(errors), "errors:", *sorted(said), sep="\n  ")
    assert [nearest(on, name) for name in PEOPLE[1:20]] == before[1:]
    assert nearest(on, PEOPLE[0])[1] < 0.5
    serving = distributing.serving(on.gallery)
    assert serving is not None
    assert distributing.check(serving, tools=on.tools).none


def test_what_was_lost_or_slipped_in_is_repaired_both_ways(on: Any, server: Server) -> None:
    moving.move_to_milvus(on.actor, gallery=on.gallery, tools=on.tools, kind=FLAT, grace=0)
    serving = distributing.serving(on.gallery)
    assert serving is not None
    index = distributing.index_of(serving, tools=on.tools)
    index.open()
    rows = np.array(expected(on))
    template = np.stack(list(index.templates(rows[:1]).values()))
    index.remove(rows[10:25])
    index.add(np.array([10**12]), template, model=index.model)
    index.add(rows[30:31], template, model=index.model)
    drift = distributing.check(serving, tools=on.tools)
    assert sorted(drift.missing.tolist()) == rows[10:25].tolist()
    assert drift.foreign.tolist() == [10**12]
    assert drift.changed.tolist() == [rows[30]]
    distributing.repair(serving, tools=on.tools)
    assert distributing.check(serving, tools=on.tools).none
    index.drop()
    with pytest.raises(IndexUnavailable, match="not there in Milvus"):
        distributing.check(serving, tools=on.tools)
    distributing.repair(serving, tools=on.tools)
    assert distributing.check(serving, tools=on.tools).none
    moving.move_to_memory(on.actor, gallery=on.gallery, tools=on.tools, grace=0)
    assert [nearest(on, name)[0] for name in PEOPLE[:20]] == in_memory(on)
    assert not index.exists()
