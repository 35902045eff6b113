"""A deployment's ledger signed, cut in the database, and witnessed by three servers on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
import pytest

from countenance import config
from countenance.apps.records import checkpoints, queries, witnessed
from countenance.apps.records.models import CheckpointRow, LedgerHead, LedgerRow
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.merkle import Frontier
from countenance.ledger.note import VerifierKey
from countenance.ledger.quorum import Witness, WitnessPolicy
from countenance.policy import Actor, Role
from countenance.web.witness_server import WitnessApp, WitnessFolder, server_of


def sign(on: Any) -> SignedCheckpoint:
    signed = checkpoints.sign_head(tools=on.tools)
    assert signed is not None
    return signed


def key_of(on: Any) -> VerifierKey:
    return witnessed.log_key(on.tools.keyring)


def roll_back(to: int) -> None:
    """Cut the ledger as somebody with the database does: rows, head and checkpoints fit each other."""
    LedgerRow.objects.filter(index__gte=to).delete()
    CheckpointRow.objects.filter(size__gt=to).delete()
    frontier = Frontier()
    for row in LedgerRow.objects.order_by("index"):
        frontier.append(queries.receipt_of(row).leaf)
    LedgerHead.objects.update(frontier=frontier.to_bytes())


@dataclass
class Served:
    """A witness that serves on this machine."""

    folder: WitnessFolder
    app: WitnessApp
    url: str

    @property
    def witness(self) -> Witness:
        return Witness(self.app.verifier_key, self.url)


@pytest.fixture
def served_three(deployment: Any, place: Path) -> Iterator[list[Served]]:
    """Three witnesses of the deployment's ledger, over HTTP."""
    before = config.current()
    web = before.web.model_copy(update={"private_witnesses": ("127.0.0.1",)})
    config.install(before.model_copy(update={"web": web}))
    made, servers = [], []
    for name in ("one", "two", "three"):
        folder = WitnessFolder.make(place / name, name=f"{name}.example/w", factor=None)
        folder.add_log(key_of(deployment))
        app = WitnessApp(folder, folder.open())
        server = server_of(app, host="127.0.0.1", port=0)
        threading.Thread(target=server.serve, daemon=True).start()
        servers.append(server)
        made.append(Served(folder, app, f"http://127.0.0.1:{server.bind_addr[1]}"))
    yield made
    for server in servers:
        server.stop()
    config.install(before)


def custodian(on: Any) -> Actor:
    return factories.acting(on, Role.CUSTODIAN)


def name_witnesses(on: Any, served: list[Served], quorum: int) -> WitnessPolicy:
    policy = WitnessPolicy(
        witnesses=tuple(one.witness for one in served), quorum=quorum, grace=timedelta(hours=1)
    )
    checkpoints.set_witnesses(custodian(on), policy=policy, tools=on.tools)
    return policy


def later(on: Any, by: timedelta) -> Any:
    moment = on.tools.clock() + by
    return replace(on.tools, clock=lambda: moment)
