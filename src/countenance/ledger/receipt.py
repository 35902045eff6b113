"""Receipts: the proof that one entry is on the ledger, to be kept outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from countenance.errors import BadProof
from countenance.ledger.head import Head
from countenance.ledger.merkle import HASH_SIZE, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from countenance.ledger.checkpoint import SignedCheckpoint

# No tree has more levels: sizes are numbers of 64 bits.
_LONGEST_PATH: Final = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that an entry was on the ledger when the ledger had `size` entries.

    Attributes:
        index: the entry's number, from 0.
        leaf: the hash of the entry.
        size: how many entries there were.
        root: the root hash over them.
        path: the inclusion path from the leaf to the root.
    """

    index: int
    leaf: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]

    @property
    def code(self) -> str:
        """The short form for the foot of a page, such as `00000042-ab12cd34`."""
        return f"{self.index:08d}-{self.leaf.hex()[:8]}"

    @property
    def head(self) -> Head:
        """The ledger as this receipt saw it."""
        return Head(size=self.size, root=self.root)

    def verify(self) -> None:
        """Check the path from the leaf to the root.

        Raises:
            BadProof: it does not hold.
        """
        verify_inclusion(
            leaf=self.leaf, index=self.index, size=self.size, path=self.path, root=self.root
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt in JSON's own types, hashes as hexadecimal digits."""
        return {
            "index": self.index,
            "leaf": self.leaf.hex(),
            "size": self.size,
            "root": self.root.hex(),
            "path": [node.hex() for node in self.path],
            "code": self.code,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Receipt:
        """Read back what `to_dict` wrote; `code` may be left out.

        Raises:
            BadProof: this is no receipt.
        """
        try:
            receipt = cls(
                index=_number(data["index"]),
                leaf=_digest(data["leaf"]),
                size=_number(data["size"]),
                root=_digest(data["root"]),
                path=tuple(_digest(node) for node in data["path"]),
            )
        except (KeyError, TypeError, ValueError):
            detail = "A receipt cannot be read."
            raise BadProof(detail) from None
        if len(receipt.path) > _LONGEST_PATH or data.get("code", receipt.code) != receipt.code:
            detail = "A receipt contradicts itself."
            raise BadProof(detail)
        return receipt


def checkpoint_with(receipt: Receipt, said: object) -> SignedCheckpoint | None:
    """Return the checkpoint that was kept with a receipt, if there is one; the entry must be in it.

    Args:
        receipt: the receipt.
        said: what stood under `witnessed` beside it.

    Raises:
        BadProof: the entry is not proved to be in that checkpoint; its signatures are not looked at.
    """
    from countenance.ledger.checkpoint import SignedCheckpoint  # knows receipts itself

    if not isinstance(said, dict) or "checkpoint" not in said:
        return None
    try:
        signed = SignedCheckpoint.parse(said["checkpoint"].encode())
        path = [_digest(node) for node in said["path"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        detail = "The checkpoint of a receipt cannot be read."
        raise BadProof(detail) from None
    verify_inclusion(
        leaf=receipt.leaf,
        index=receipt.index,
        size=signed.checkpoint.size,
        path=path,
        root=signed.checkpoint.root,
    )
    return signed


def _number(value: object) -> int:
    """Return a count; anything else is no number of a receipt."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _digest(value: str) -> bytes:
    """Return a hash from its digits."""
    digest = bytes.fromhex(value)
    if len(digest) != HASH_SIZE:
        raise ValueError
    return digest
