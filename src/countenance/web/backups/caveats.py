"""What people must know about a list of erasures that is taken: how far it can be believed, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from countenance.apps.records.queries import head
from countenance.apps.records.witnessed import policy_now
from countenance.errors import BadProof, CountenanceError, LedgerBroken, SealBroken
from countenance.sealing.keyring import Keyring
from countenance.web.backups import erasures
from countenance.web.backups.erasures import ErasureList
from countenance.web.backups.folder import BackupFolder
from countenance.web.backups.marks import Mark


def look(place: Path, *, mark: Mark, keyring: Keyring) -> dict[str, Any]:
    """Return sentences about the list at a place, and the entries that are left out of it, in JSON's own types.

    Args:
        place: where the list is.
        mark: what was restored.
        keyring: verifies what the deployment signed.

    Raises:
        CountenanceError: the list cannot be taken; of one that was taken already nothing more is said then.
    """
    try:
        found = erasures.read(place, since=mark.head, keyring=keyring)
    except CountenanceError:
        if head() == mark.head:
            raise
        return {}
    said = [*_older(found, mark, keyring), *_not_witnessed(found, mark), *_unproved(found)]
    return {"caveats": said, "left_out": [one.to_dict() for one in found.left_out]}


def _older(found: ErasureList, mark: Mark, keyring: Keyring) -> Iterator[str]:
    """Say that the folder which the backup came from has a list that reaches further."""
    if not mark.folder:
        return
    try:
        known = erasures.signed_size(BackupFolder.existing(Path(mark.folder)), keyring=keyring)
    except CountenanceError:
        return
    if known > found.size:
        yield (
            f"This list ends at {found.size} entries, and the signed lists in {mark.folder} at {known}: what was erased in "
            "between is there again. Before you serve, restore anew with the list that reaches further."
        )


def _not_witnessed(found: ErasureList, mark: Mark) -> Iterator[str]:
    """Say that too few of the backup's witnesses signed the checkpoint that proves the list."""
    try:
        policy = policy_now(before=mark.head.size).policy
    except (LedgerBroken, SealBroken):
        yield "Who witnessed the ledger cannot be read in this backup, so nobody outside confirms the list."
        return
    if found.signed is None or not policy.quorum:
        return
    try:
        by = len(found.signed.cosigned_by(policy.trust.witnesses))
    except BadProof:
        by = 0
    if by < policy.quorum:
        yield (
            f"The checkpoint of this list, of {found.size} entries, has the signatures of {by} witnesses of the backup, "
            f"and {policy.quorum} must sign. Ask them what they saw last: a list that was cut looks like an older one."
        )


def _unproved(found: ErasureList) -> Iterator[str]:
    if found.left_out:
        yield (
            f"The lost home has {len(found.left_out)} entries behind the first {found.size}, which no checkpoint that the "
            "backup's key signed proves. They were left out of the ledger, and nothing of them was done again. Find out "
            "which are true, and repeat those yourselves; each with what it was about:"
        )
