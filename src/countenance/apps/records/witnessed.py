"""Which checkpoints the ledger has, who signed them, and what may not be done while too few have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from countenance.apps.records.models import CheckpointRow, LedgerRow, WitnessPolicyRow
from countenance.apps.records.tree import inclusion
from countenance.errors import LedgerBroken, NotWitnessed
from countenance.ledger.checkpoint import SignedCheckpoint, origin_of, said_of
from countenance.ledger.entry import Action, Entry
from countenance.ledger.note import KeyType, Signed, VerifierKey
from countenance.ledger.quorum import WitnessPolicy
from countenance.ledger.receipt import Receipt
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind
from countenance.tools import MOST_BEHIND, Tools

LOOKED_AT = 20
"""So many of the newest checkpoints with enough cosignatures are tried; the first is nearly always right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNow:
    """The policy that holds, since when and by which entry; a ledger for which nobody set one has no witnesses."""

    policy: WitnessPolicy
    since: datetime | None
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether an entry is witnessed.

    Attributes:
        index: the entry's number.
        signed: the checkpoint that covers it and has most to say; None while there is none.
        by: which witnesses of the policy signed that one.
        policy: the policy that holds now.
    """

    index: int
    signed: SignedCheckpoint | None
    by: Sequence[Signed]
    policy: WitnessPolicy

    @property
    def state(self) -> str:
        """One word: witnessed, signed or waiting."""
        if self.signed is None or (self.policy.quorum and len(self.by) < self.policy.quorum):
            return "waiting"
        return "witnessed" if self.by else "signed"

    @property
    def words(self) -> str:
        """The same in a sentence for people."""
        if self.signed is None:
            return "Not yet in a signed checkpoint; one is signed within a minute."
        size, names = f"{self.signed.checkpoint.size:,}", ", ".join(one.key.name for one in self.by)
        within = f"In the signed checkpoint of {size} entries"
        if self.state == "witnessed":
            return f"{within}, witnessed by {names}."
        if self.policy.quorum:
            have = f"so far by {names}" if names else "by nobody yet"
            return f"{within}; not yet witnessed: signed {have}, and {self.policy.quorum} must."
        return f"{within}; no witness is needed, and none signed it."

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's own types, with the proof that the entry is in the checkpoint."""
        if self.signed is None:
            return {"state": self.state}
        path = inclusion(self.index, self.signed.checkpoint.size)
        proof = {"path": [one.hex() for one in path]}
        return {"state": self.state, **said_of(self.signed, self.by), **proof}


class RowReceipt(Receipt):
    """A receipt out of the database, which knows whether its entry is witnessed by now."""

    __slots__ = ()

    @property
    def standing(self) -> Standing:
        """Whether the entry is witnessed."""
        return standing_of(self.index)

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt in JSON's own types, with its checkpoint and who witnessed that."""
        return {**Receipt.to_dict(self), "witnessed": self.standing.to_dict()}


def log_key(keyring: Keyring) -> VerifierKey:
    """Return the key that others verify the ledger's checkpoints with."""
    public = keyring.verifying_key(KeyKind.CHECKPOINT)
    return VerifierKey(origin_of(keyring.deployment), KeyType.ED25519, public)


def policy_now(*, before: int | None = None) -> PolicyNow:
    """Return the witnesses that hold now.

    Args:
        before: the number of an entry: return those that held then.

    Raises:
        LedgerBroken: the ledger says that there is a policy, and its row is gone, or the other way round.
        SealBroken: the row was changed.
    """
    # Asked before the ledger, because another process may set witnesses in between.
    has_rows = WitnessPolicyRow.objects.exists()
    rows = LedgerRow.objects.filter(action=str(Action.WITNESSES_CHANGED)).order_by("-index")
    if before is not None:
        rows = rows.filter(index__lt=before)
    newest = rows.only("entry").first()
    if newest is None:
        if before is None and has_rows:
            raise LedgerBroken("The entry that set the witnesses is gone from the ledger.")
        return PolicyNow(policy=WitnessPolicy(), since=None)
    entry = Entry.parse(bytes(newest.entry))
    row = WitnessPolicyRow.objects.filter(pk=entry.about or UUID(int=0)).first()
    if row is None:
        raise LedgerBroken(
            "The policy of the witnesses is gone from the database. Find out who took it, and set it again: "
            "`countenance ledger set-witnesses`."
        )
    return PolicyNow(policy=WitnessPolicy.from_dict(row.policy), since=entry.at, index=newest.index)


def lost_words() -> str:
    """Say that witnesses were lost with the deployment that this one was restored from; nothing if none were.

    A restore lets those of the backup hold instead, by an entry of its own, until somebody sets them again.
    """
    rows = LedgerRow.objects.order_by("-index")
    changed = rows.filter(action=str(Action.WITNESSES_CHANGED))
    newest = changed.only("index").first()
    begun = newest and (
        rows.filter(action=str(Action.DEPLOYMENT_RESTORED), index__lt=newest.index)
        .only("index")
        .first()
    )
    if newest is None or begun is None:
        return ""
    between = rows.filter(index__gt=begun.index, index__lt=newest.index)
    lost = changed.filter(index__lt=begun.index).only("at").first()
    # Nobody but the restore itself writes an entry before it has erased again.
    if lost is None or between.filter(action=str(Action.ERASURES_REPEATED)).exists():
        return ""
    return (
        f"The witnesses that were set on {lost.at:%d %B %Y} were lost with the deployment, and those of the backup "
        "hold. Set them again: `countenance ledger set-witnesses`."
    )


def newest_checkpoint() -> SignedCheckpoint | None:
    """Return the newest checkpoint that the ledger signed, if there is any; its signature is not verified."""
    row = CheckpointRow.objects.order_by("-size").first()
    return SignedCheckpoint.parse(bytes(row.note)) if row else None


def newest_witnessed(policy: WitnessPolicy, *, origin: str) -> SignedCheckpoint | None:
    """Return the newest checkpoint that a quorum of these witnesses signed, if there is any.

    Raises:
        BadProof: a cosignature that is stored does not verify.
    """
    rows = CheckpointRow.objects.filter(cosigned__gte=policy.quorum).order_by("-size")
    for row in rows[:LOOKED_AT]:
        signed = SignedCheckpoint.parse(bytes(row.note))
        known = signed.cosigned_by(policy.trust.witnesses)
        if signed.checkpoint.origin == origin and len(known) >= policy.quorum:
            return signed
    return None


def require_witnesses(tools: Tools) -> None:
    """Refuse what needs a witnessed ledger, if it has waited for its witnesses for longer than the grace.

    Raises:
        NotWitnessed: too few witnesses signed what was recorded before.
        LedgerBroken, BadProof, SealBroken: what is stored about witnesses was changed.
    """
    now = policy_now()
    if not now.policy.quorum or now.since is None:
        return
    signed = newest_witnessed(now.policy, origin=origin_of(tools.keyring.deployment))
    size = signed.checkpoint.size if signed else 0
    oldest = LedgerRow.objects.filter(index__gte=size).order_by("index").only("entry").first()
    if oldest is None:
        return
    recorded = max(Entry.parse(bytes(oldest.entry)).at, now.since)
    moment = tools.clock()
    waits = _waits_since(max(oldest.index, now.index or 0), recorded, moment)
    if waits is None or moment - waits > now.policy.grace:
        raise NotWitnessed(since=(waits or recorded).isoformat(), quorum=now.policy.quorum)


def _waits_since(index: int, recorded: datetime, now: datetime) -> datetime | None:
    """Return since when an entry has waited; None if nobody can tell, so that it counts as too long.

    Once the clock was ahead, every entry is dated by it until that time has come, and would never have waited.
    Such an entry waits since the first checkpoint with it was signed, or since the newest one at all.
    """
    if recorded <= now + MOST_BEHIND:
        return recorded
    rows = CheckpointRow.objects.only("at")
    row = rows.filter(size__gt=index).order_by("size").first() or rows.order_by("-size").first()
    return row.at if row is not None and row.at <= now else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How far the ledger is signed and witnessed, for lists of entries.

    Attributes:
        policy: the policy that holds now.
        newest: the newest signed checkpoint.
        witnessed: how many entries the newest one has that a quorum signed, or one witness if none is needed.
        by: who signed the newest.
        lost: a sentence if witnesses were lost with the deployment that this was restored from, else nothing.
    """

    policy: WitnessPolicy
    newest: SignedCheckpoint | None
    witnessed: int
    by: Sequence[Signed]
    lost: str = ""

    def word(self, index: int) -> str:
        """Say in one word how an entry stands."""
        if index < self.witnessed:
            return "witnessed"
        signed = self.newest.checkpoint.size if self.newest else 0
        return "signed" if index < signed and not self.policy.quorum else "not yet"


def overview() -> Overview:
    """Return how far the ledger is signed and witnessed.

    Raises:
        BadProof, LedgerBroken, SealBroken: what is stored about witnesses was changed.
    """
    policy, newest = policy_now().policy, newest_checkpoint()
    by = newest.cosigned_by(policy.trust.witnesses) if newest else ()
    wanted = replace(policy, quorum=max(policy.quorum, min(1, len(policy.witnesses))))
    far = (
        newest_witnessed(wanted, origin=newest.checkpoint.origin)
        if newest and wanted.quorum
        else None
    )
    size = far.checkpoint.size if far else 0
    return Overview(policy=policy, newest=newest, witnessed=size, by=by, lost=lost_words())


def standing_of(index: int) -> Standing:
    """Return whether an entry is witnessed: by the first checkpoint with a quorum, or how far it is.

    Raises:
        BadProof, LedgerBroken, SealBroken: what is stored about witnesses was changed.
    """
    policy = policy_now().policy
    rows = CheckpointRow.objects.filter(size__gt=index)
    wanted = max(policy.quorum, 1)
    row = rows.filter(cosigned__gte=wanted).order_by("size").first()
    row = row or rows.order_by("-cosigned", "size").first()
    if row is None:
        return Standing(index=index, signed=None, by=(), policy=policy)
    signed = SignedCheckpoint.parse(bytes(row.note))
    by = signed.cosigned_by(policy.trust.witnesses)
    return Standing(index=index, signed=signed, by=by, policy=policy)
