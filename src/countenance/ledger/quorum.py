"""Which witnesses a ledger asks, and how many of them it needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from countenance.errors import InputError
from countenance.ledger.checkpoint import Trust
from countenance.ledger.note import KeyType, VerifierKey

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_WITNESSES: Final = 16
SHORTEST_GRACE: Final = timedelta(minutes=2)
"""An entry waits up to a minute for its checkpoint, and that for its witnesses."""
LONGEST_GRACE: Final = timedelta(days=30)
LONGEST_URL: Final = 500


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody outside who signs what they saw.

    Attributes:
        key: their verifier key, as they gave it.
        url: where they take checkpoints: `/add-checkpoint` is put behind it.
    """

    key: VerifierKey
    url: str

    @property
    def name(self) -> str:
        """What the witness is called: the name of their key."""
        return self.key.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPolicy:
    """The witnesses of a ledger.

    Attributes:
        witnesses: who is asked for a cosignature.
        quorum: so many of them make a checkpoint witnessed; 0: none is needed.
        grace: an entry that is older than this and not witnessed stops searches, leads, exports and looks at
            faces.
    """

    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0
    grace: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse what could never be fulfilled, or would mean nothing.

        Raises:
            InputError: in one sentence why.
        """
        keys = {one.key.public for one in self.witnesses}
        names = {one.name for one in self.witnesses}
        if len(keys) < len(self.witnesses) or len(names) < len(self.witnesses):
            raise InputError("Two witnesses have the same name or the same key: they are one.")
        if len(self.witnesses) > MOST_WITNESSES:
            raise InputError(f"At most {MOST_WITNESSES} witnesses can be named.")
        if any(one.key.kind is not KeyType.COSIGNATURE for one in self.witnesses):
            raise InputError(
                "The key of a witness is one of cosignatures; this is the key of a log."
            )
        if not 0 <= self.quorum <= len(self.witnesses):
            raise InputError("The quorum is a number of the named witnesses, and not more of them.")
        if not SHORTEST_GRACE <= self.grace <= LONGEST_GRACE:
            raise InputError("The grace is at least two minutes and at most thirty days.")

    @property
    def trust(self) -> Trust:
        """Whom a reader with this policy believes; the ledger's own key is not part of it."""
        return Trust(witnesses=tuple(one.key for one in self.witnesses), quorum=self.quorum)

    @property
    def words(self) -> str:
        """What the policy means, in one or two sentences."""
        if not self.quorum:
            asked = (
                f"{_counted(len(self.witnesses))} asked, and none is needed"
                if self.witnesses
                else "No witness is asked"
            )
            return (
                f"{asked}: that the ledger was not rolled back or forked, only those can tell who "
                "kept a checkpoint, an export or a receipt."
            )
        return (
            f"{self.quorum} of {_counted(len(self.witnesses))} must sign. Entries older than "
            f"{_minutes(self.grace)} that they have not signed stop searches, leads, exports and "
            "looks at faces."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the policy in JSON's own types."""
        return {
            "witnesses": [{"key": str(one.key), "url": one.url} for one in self.witnesses],
            "quorum": self.quorum,
            "grace_seconds": int(self.grace.total_seconds()),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WitnessPolicy:
        """Read back what `to_dict` wrote.

        Raises:
            InputError: this is no policy.
        """
        try:
            if set(data) != {"witnesses", "quorum", "grace_seconds"}:
                raise ValueError  # noqa: TRY301 # one sentence for all that can be wrong
            witnesses = tuple(
                Witness(VerifierKey.parse(one["key"]), _url(one["url"]))
                for one in data["witnesses"]
            )
            quorum, grace = _number(data["quorum"]), _number(data["grace_seconds"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(
                'A policy is {"witnesses": [{"key": …, "url": …}], "quorum": …, "grace_seconds": …}.'
            ) from None
        if grace > LONGEST_GRACE.total_seconds():
            raise InputError("The grace is at least two minutes and at most thirty days.")
        return cls(witnesses=witnesses, quorum=quorum, grace=timedelta(seconds=grace))


def _url(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_URL:
        raise ValueError
    return value.rstrip("/")


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError  # noqa: TRY004 # one kind of error for all that can be wrong
    return value


def _counted(count: int) -> str:
    return f"{count} witness{'es' if count != 1 else ''}"


def _minutes(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    if seconds:
        return f"{minutes} minutes {seconds} seconds"
    return f"{minutes} minutes"
