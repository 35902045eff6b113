"""Bringing the ledger's checkpoints to its witnesses (C2SP tlog-witness), and keeping what they sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

import httpx
import structlog

from countenance import config
from countenance.apps.agencies import outbound
from countenance.apps.records import checkpoints, tree, witnessed
from countenance.apps.records.models import CheckpointRow
from countenance.errors import BadProof, CountenanceError
from countenance.ledger import witness as protocol
from countenance.ledger.checkpoint import SignedCheckpoint
from countenance.ledger.note import Note, Signature, read_lines
from countenance.ledger.quorum import Witness, WitnessPolicy
from countenance.tools import Tools

log = structlog.get_logger()

LOOKED_AT = 10
"""So many of the newest checkpoints are looked at for what a witness signed last; else it is asked."""


class State(StrEnum):
    """How a witness answered."""

    SIGNED = "signed"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One witness and what came of asking it.

    Attributes:
        name: the witness.
        state: how it answered.
        said: the same in a sentence for people.
    """

    name: str
    state: State
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The newest checkpoint, and how each witness answered.

    Attributes:
        signed: the checkpoint; None while the ledger is empty.
        policy: the policy that holds.
        asked: the witnesses that were asked now; those that had signed already are not.
    """

    signed: SignedCheckpoint | None
    policy: WitnessPolicy
    asked: Sequence[Asked]


def sign_and_ask(*, tools: Tools) -> Round:
    """Sign the ledger's head and bring it to every witness that has not signed it.

    Needs the whole keyring.

    Raises:
        LedgerBroken, BadProof: the ledger does not go on from what it signed before.
    """
    signed = checkpoints.sign_head(tools=tools)
    policy = witnessed.policy_now().policy
    if signed is None or not policy.witnesses:
        return Round(signed=signed, policy=policy, asked=())
    have = {one.key for one in signed.cosigned_by(policy.trust.witnesses)}
    left = [one for one in policy.witnesses if one.key not in have]
    asked = _ask(signed, left, policy, tools=tools) if left else []
    for one in asked:
        if one.state is State.CONTRADICTS:
            log.error("witness.contradicts", witness=one.name)
        elif one.state is not State.SIGNED:
            log.warning("witness.did_not_sign", witness=one.name, state=str(one.state))
    row = CheckpointRow.objects.get(size=signed.checkpoint.size)
    return Round(signed=SignedCheckpoint.parse(bytes(row.note)), policy=policy, asked=asked)


def _ask(
    signed: SignedCheckpoint, left: Sequence[Witness], policy: WitnessPolicy, *, tools: Tools
) -> list[Asked]:
    """Ask each witness, and once more whoever says that it signed another size last."""
    guessed = {one: _last_size(one, signed.checkpoint.size) for one in left}
    with httpx.Client(
        transport=outbound.Guarded(
            private=frozenset(config.current().web.private_witnesses), tools=tools
        ),
        timeout=outbound.TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Countenance"},
    ) as client:
        answers = _send(client, signed, guessed)
        told = {
            one: size
            for one, answer in answers.items()
            if (size := _size_of(answer)) is not None and size <= signed.checkpoint.size
        }
        answers |= _send(client, signed, told)
    return [_take(one, answers[one], signed, policy) for one in left]


def _send(
    client: httpx.Client, signed: SignedCheckpoint, old: Mapping[Witness, int]
) -> dict[Witness, httpx.Response | None]:
    """Send the checkpoint to some witnesses at once; None for one that did not answer."""
    # The proofs are read here, because each thread would open a database connection of its own.
    bodies = {
        one: protocol.request_body(size, tree.consistency(size, signed.checkpoint.size), signed)
        for one, size in old.items()
    }

    def send(one: Witness) -> httpx.Response | None:
        try:
            return client.post(f"{one.url}/add-checkpoint", content=bodies[one])
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, CountenanceError):
            return None

    if not bodies:
        return {}
    with ThreadPoolExecutor(max_workers=len(bodies)) as pool:
        return dict(zip(bodies, pool.map(send, bodies), strict=True))


def _take(
    one: Witness, answer: httpx.Response | None, signed: SignedCheckpoint, policy: WitnessPolicy
) -> Asked:
    """Keep what a witness signed, and say how it answered."""
    size = signed.checkpoint.size
    if answer is None:
        return Asked(name=one.name, state=State.UNREACHABLE, said="It did not answer.")
    if answer.status_code == protocol.OK and (lines := _lines_of(one, answer, signed)):
        checkpoints.keep_cosignatures(size, lines, policy=policy)
        return Asked(name=one.name, state=State.SIGNED, said="It signed.")
    last = _size_of(answer)
    if last is not None and last > size:
        said = f"It has signed {last:,} entries already, and the ledger has {size:,}: was it rolled back, or restored without its end?"
        return Asked(name=one.name, state=State.CONTRADICTS, said=said)
    if answer.status_code == protocol.UNPROCESSABLE or last == size:
        said = "What it signed before is not the beginning of this ledger: was it rolled back, forked, or restored without its end?"
        return Asked(name=one.name, state=State.CONTRADICTS, said=said)
    said = f"It refused, with status {answer.status_code}: does it know this ledger's key?"
    return Asked(name=one.name, state=State.REFUSED, said=said)


def _lines_of(one: Witness, answer: httpx.Response, signed: SignedCheckpoint) -> list[Signature]:
    """Return the lines of an answer that are the witness's own and verify; none if there are none."""
    try:
        lines = read_lines(answer.text)
        own = [line for line in lines if (line.name, line.key_id) == (one.name, one.key.key_id)]
        Note(signed.note.text, tuple(own)).verified([one.key])
    except BadProof:
        return []
    return own


def _size_of(answer: httpx.Response | None) -> int | None:
    """Return the size that a witness says it signed last, if that is what it says."""
    if answer is None or answer.status_code != protocol.CONFLICT:
        return None
    text = answer.text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None  # noqa: PLR2004 # digits of 64 bits


def _last_size(one: Witness, size: int) -> int:
    """Return which size a witness signed last, as far as the newest checkpoints tell; 0 if they do not."""
    for row in CheckpointRow.objects.filter(size__lt=size).order_by("-size")[:LOOKED_AT]:
        signed = SignedCheckpoint.parse(bytes(row.note))
        if any(line.key_id == one.key.key_id for line in signed.note.signatures):
            return signed.checkpoint.size
    return 0
