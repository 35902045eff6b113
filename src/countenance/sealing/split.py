"""Split custody: of three factors any two together open, and no single one.

Each pair of the three seals the same random secret under a key that is made of both its halves. So a thief of one
factor and of the key file has nothing to try guesses on: every guess is one of two factors at once.
"""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, ClassVar, Final

from countenance.errors import InputError, KeyUnavailable, SealBroken
from countenance.sealing.blind import mac_of
from countenance.sealing.envelope import Context, Key, seal, unseal
from countenance.sealing.factors import SPLIT, Locked, Passphrase, as_bytes, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from countenance.sealing.factors import Factor

ALL: Final = 3
ENOUGH: Final = 2

_LABEL: Final = b"countenance/split/1\x00"


class Split:
    """Two of three factors."""

    kind: ClassVar[str] = SPLIT

    def __init__(self, factors: Sequence[Factor]) -> None:
        """Take the factors: all three to enrol them, two or three to open."""
        self._factors = list(factors)

    def __repr__(self) -> str:
        """Name the type and nothing of the secrets."""
        return "Split(hidden)"

    def enrol(self, deployment: UUID) -> tuple[Locked, Key]:
        """Enrol all three, and return what the key file holds of them, with the secret that two of them open.

        Raises:
            InputError: they are not three, two are the same passphrase or of the same key service, or one is
                too weak.
            KeyUnavailable: a key management service does not answer.
        """
        if len(self._factors) != ALL:
            raise InputError(f"Split custody is of {ALL} factors, of which {ENOUGH} open.")
        for one, other in combinations(self._factors, 2):
            if isinstance(one, Passphrase):
                if one.same_as(other):
                    raise InputError("Two of the passphrases are the same.")
            elif one.kind == other.kind:
                # A deployment is set up for one service and one file: whoever reaches it would be two of three.
                raise InputError(f"Only one of the factors can be of the kind {one.kind}.")
        made, entries, keys = Key.generate(), [], []
        for factor in self._factors:
            locked, key = factor.enrol(deployment)
            entries.append({"factor": factor.kind, **locked})
            keys.append(key)
        pairs = [
            {
                "of": [one, other],
                "wrapped": as_text(
                    seal(
                        made.material,
                        key=pair_key(keys[one], keys[other]),
                        context=_context(deployment, one, other),
                    )
                ),
            }
            for one, other in combinations(range(ALL), 2)
        ]
        return {"factors": entries, "pairs": pairs}, made

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:
        """Return the secret that two of the factors open.

        Raises:
            KeyUnavailable: fewer than two were given, or no two of them are of this key file.
        """
        if len(self._factors) < ENOUGH:
            raise KeyUnavailable(
                f"This deployment opens with {ENOUGH} of {ALL} factors together. Bring another one."
            )
        given = [self._secrets(one, locked["factors"], deployment) for one in self._factors]
        pairs = {tuple(pair["of"]): as_bytes(pair["wrapped"]) for pair in locked["pairs"]}
        for first, second in permutations(given, 2):
            for (one, other), wrapped in pairs.items():
                if one in first and other in second:
                    key = pair_key(first[one], second[other])
                    try:
                        return Key(
                            unseal(wrapped, key=key, context=_context(deployment, one, other))
                        )
                    except SealBroken:
                        continue
        raise KeyUnavailable(
            f"These do not open it together: {ENOUGH} of the {ALL} factors are needed, each as it was chosen."
        )

    def _secrets(
        self, factor: Factor, entries: Sequence[Mapping[str, Any]], deployment: UUID
    ) -> dict[int, Key]:
        """Return what a factor gives for each entry of its kind: which of them is its own is not told."""
        return {
            number: factor.secret(entry, deployment)
            for number, entry in enumerate(entries)
            if entry["factor"] == factor.kind
        }


def pair_key(one: Key, other: Key) -> Key:
    """Return the key of a pair of factors: HMAC-SHA-256 under the first, over the second."""
    return Key(mac_of(one.material, _LABEL + other.material))


def _context(deployment: UUID, one: int, other: int) -> Context:
    return Context(
        deployment=deployment,
        agency=None,
        kind="key/unseal",
        object=deployment,
        field=f"pair/{one}/{other}",
    )
