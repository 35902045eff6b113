"""A ledger by hand with its checkpoints, its witnesses and their keys, and the verifier that is not ours."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countenance.errors import LedgerBroken
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint, Trust, origin_of
from countenance.ledger.entry import Action, Entry, canonical_json, commit
from countenance.ledger.export import entry_line, header_line, signed_header_line
from countenance.ledger.head import Head
from countenance.ledger.merkle import Frontier, consistency_path
from countenance.ledger.note import cosign, log_key, witness_key
from countenance.ledger.verify import verify_export
from countenance.ledger.witness import Decision, Seen, decide, request_body

DEPLOYMENT = UUID("11111111-2222-4333-8444-555555555555")
ORIGIN = origin_of(DEPLOYMENT)
START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# Named one by one: the vectors are made of them, and new actions must not change those.
ACTIONS = (Action.CASE_OPENED, Action.PHOTO_VIEWED, Action.SEARCH_INTENDED, Action.SEARCH_CONCLUDED)


def key(number: int) -> Ed25519PrivateKey:
    """Return a key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


LOG = key(1)
LOG_KEY = log_key(ORIGIN, LOG)
NAMES = ("first.example/w", "second.example/w", "third.example/w")
WITNESSES = tuple((name, key(2 + number)) for number, name in enumerate(NAMES))
WITNESS_KEYS = tuple(witness_key(name, own) for name, own in WITNESSES)
TRUST = Trust(log=LOG_KEY, witnesses=WITNESS_KEYS, quorum=len(WITNESS_KEYS))


def entry(number: int, *, what: str = "") -> tuple[Entry, bytes, bytes]:
    """Return an entry with its salt and body; another `what` makes it another one."""
    salt = bytes([number % 256, number // 256]) * 16
    body = canonical_json({"actor": str(UUID(int=number)), "facts": {"said": f"é{what}{number}"}})
    action, about = ACTIONS[number % len(ACTIONS)], UUID(int=number) if number % 3 else None
    return Entry(action, START + timedelta(seconds=number), about, commit(body, salt)), salt, body


class Written:
    """A ledger of so many entries; from `fork` on they are others."""

    def __init__(self, size: int, *, fork: int | None = None) -> None:
        self.rows = [
            entry(number, what="other" if fork is not None and number >= fork else "")
            for number in range(size)
        ]
        self.leaves = [one.leaf() for one, _, _ in self.rows]

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the checkpoint of its first entries, unsigned."""
        frontier = Frontier()
        for leaf in self.leaves[:size]:
            frontier.append(leaf)
        return Checkpoint(ORIGIN, frontier.size, frontier.root())

    def signed(
        self, size: int | None = None, *, by: Ed25519PrivateKey = LOG, cosigned: bool = False
    ) -> SignedCheckpoint:
        """Return the same, signed, and on request cosigned by every witness."""
        made = SignedCheckpoint.sign(self.checkpoint(size), by)
        return cosigned_by_all(made) if cosigned else made

    def lines(self, signed: SignedCheckpoint | None = None) -> list[str]:
        """Return its export: every second body shown, every seventh erased."""
        made = []
        for number, (one, salt, body) in enumerate(self.rows):
            if number % 7 == 3:
                made.append(entry_line(number, one.canonical(), erased=True))
            elif number % 2:
                made.append(entry_line(number, one.canonical(), salt=salt, body=body))
            else:
                made.append(entry_line(number, one.canonical()))
        if signed is None:
            head = Head(len(self.rows), self.checkpoint().root)
            return [header_line(deployment=DEPLOYMENT, head=head), *made]
        return [signed_header_line(deployment=DEPLOYMENT, signed=signed, key=LOG_KEY), *made]

    def request(self, old: int, size: int | None = None) -> bytes:
        """Return what the ledger sends a witness that signed `old` entries of it."""
        path = consistency_path(self.leaves, old, size)
        return request_body(old, path, self.signed(size))


def cosigned_by_all(signed: SignedCheckpoint) -> SignedCheckpoint:
    """Return a checkpoint that every witness signed."""
    lines = [cosign(signed.note.text, name, own, at=1_790_000_000) for name, own in WITNESSES]
    return SignedCheckpoint(signed.checkpoint, signed.note.with_lines(lines))


class AWitness:
    """A witness in memory: what it signed last, and the key."""

    def __init__(self, number: int = 0) -> None:
        self.name, self.key = WITNESSES[number]
        self.seen = {ORIGIN: Seen((LOG_KEY,))}

    def ask(self, body: bytes) -> Decision:
        """Bring it a request."""
        decision = decide(body, self.seen)
        if decision.signs is not None:
            self.seen[ORIGIN] = Seen((LOG_KEY,), decision.signs.checkpoint)
        return decision


@cache
def independent() -> ModuleType:
    """Return the script that verifies ledgers without our code."""
    path = Path(__file__).resolve().parents[1] / "docs" / "reference" / "verify_ledger.py"
    spec = importlib.util.spec_from_file_location("verify_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(data: bytes, *, trust: Trust | None = None, kept: SignedCheckpoint | None = None) -> str:
    """Return what our verifier says is wrong; empty if nothing is."""
    try:
        verify_export(data.removesuffix(b"\n").split(b"\n"), trust=trust, kept=kept)
    except LedgerBroken as broken:
        return broken.detail
    return ""


def theirs(data: bytes, *, trust: Trust | None = None, kept: SignedCheckpoint | None = None) -> str:
    """Return the same of the independent script, in which any error is a refusal."""
    trust = trust or Trust()
    try:
        independent().verify(
            data,
            log_key=str(trust.log) if trust.log else None,
            witness_keys=[str(one) for one in trust.witnesses],
            quorum=trust.quorum,
            kept=str(kept) if kept else None,
            former_keys=[str(one) for one in trust.former],
        )
    except Exception as error:  # noqa: BLE001 # whatever a broken file leads to
        return f"{type(error).__name__}: {error}"
    return ""
