"""Comparing what a ledger says now with what somebody kept: was it rolled back, or forked?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.errors import BadProof, LedgerBroken
from countenance.ledger.merkle import consistency_from, subtrees_of, verify_consistency
from countenance.ledger.tiles import node_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from countenance.ledger.checkpoint import Checkpoint


def continues(kept: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> int:
    """Require that a ledger goes on from a checkpoint that was kept; return how many entries were added.

    Both checkpoints must have been verified by their signatures already.

    Args:
        kept: from earlier.
        new: from now.
        path: the proof that the one begins the other.

    Raises:
        LedgerBroken: it was rolled back or forked (`facts["how"]`), or is another ledger.
    """
    if kept.origin != new.origin:
        raise LedgerBroken("These are checkpoints of two different ledgers.", how="other")
    if new.size < kept.size:
        raise LedgerBroken(
            f"The ledger was rolled back: it has {new.size} entries, and had {kept.size}.",
            how="rollback",
        )
    try:
        verify_consistency(
            old_size=kept.size,
            old_root=kept.root,
            new_size=new.size,
            new_root=new.root,
            path=path,
        )
    except BadProof:
        raise LedgerBroken(
            f"The ledger was forked: its first {kept.size} entries are not those of earlier.",
            how="fork",
        ) from None
    return new.size - kept.size


def continues_in_tiles(kept: Checkpoint, new: Checkpoint, fetch: Callable[[str], bytes]) -> int:
    """Require the same with the proof taken from the ledger's tiles.

    Raises:
        LedgerBroken: it was rolled back or forked, or its tiles are not those of its checkpoint.
    """
    path: list[bytes] = []
    subtree = subtrees_of(node_from(fetch, new.size))
    if subtree(0, new.size) != new.root:
        raise LedgerBroken("The tiles are not those of the checkpoint beside them.", how="tiles")
    if 0 < kept.size < new.size:
        path = consistency_from(subtree, kept.size, new.size)
    return continues(kept, new, path)
