"""What was signed with keys that were replaced since: bundles, backups, lists of erasures, and what restores bring back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factories
import pytest
from backing_up import make, prepared, verify
from disclosing import bundle, examined
from examining import bench
from replacing import replaced, signed_anew
from rolled import Rolled, replay
from witnessing import later, sign

from countenance.apps.records import checkpoints, queries, signers
from countenance.apps.records.models import KeyRow
from countenance.bundle import verify as verify_bundle
from countenance.errors import (
    BundleBroken,
    ErasureListBroken,
)
from countenance.policy import Role
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind
from countenance.web import keykeeping
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder


def test_a_bundle_of_before_verifies_with_the_old_key_and_a_new_one_with_the_new(
    deployment: Any,
) -> None:
    made = bench(deployment)
    examined(made)
    supervisor = factories.acting(deployment, Role.SUPERVISOR)
    old = deployment.tools.keyring.verifying_key()
    before = bundle(made, supervisor)
    replaced(deployment, KeyKind.SIGNING)
    new = deployment.tools.keyring.verifying_key()
    after = bundle(made, supervisor)
    for data, right, wrong in ((before, old, new), (after, new, old)):
        verify_bundle(data, expected_key=right)
        with pytest.raises(BundleBroken, match="another key"):
            verify_bundle(data, expected_key=wrong)
    assert signers.verifying_keys(deployment.tools.keyring) == [old, new]


def test_backups_of_before_during_and_after_verify_and_share_their_objects(
    deployment: Any, tmp_path_factory: Any
) -> None:
    on = prepared(deployment, tmp_path_factory.mktemp("backups"))
    made = [make(on)]
    for wishes in ({}, {"finish": True}, {"at_once": True}):
        replaced(on, **wishes)
        on.tools = later(on, timedelta(minutes=1))  # The name tells seconds.
        made.append(make(on))
    assert [one.read_anew for one in made] == [False] * 4, "a key that signs seals nothing"
    assert [one.copied for one in made] == [4, 0, 0, 0]
    for one in made:
        verify(on, one)


def test_the_list_of_erasures_goes_on_over_keys_that_a_backup_of_before_does_not_know(
    deployment: Any, tmp_path_factory: Any
) -> None:
    on = deployment
    on.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    keys = list(KeyRow.objects.filter(kind__in=("signing", "checkpoint")))
    sign(on)
    was = Rolled(on)
    for number in range(3):
        replaced(on, at_once=True)
        factories.make_case(on, f"26-{number}")
        erasures.copy(on.folder, keyring=on.tools.keyring)
    size = queries.head().size
    mark = was.back()
    KeyRow.objects.filter(kind__in=("signing", "checkpoint")).delete()
    KeyRow.objects.bulk_create(keys)
    keykeeping._take_stock(on.tools)
    done = replay(on, mark, on.folder.path)
    assert (done["known_size"], done["by_hand"]["signing.replaced"]) == (size, 3)
    # The keys of the backup sign again, and can be replaced again.
    checkpoints.check_ledger(tools=on.tools)
    signed_anew(on)
    replaced(on)
    replaced(on, finish=True)
    signed_anew(on)
    queries.verify_ledger(on.tools.keyring)
    assert len(signers.signing_keys(on.tools.keyring)) == 4


def test_a_key_that_was_replaced_signs_no_list_of_erasures_for_a_later_backup(
    deployment: Any, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = deployment
    thief = on.tools.keyring.signing_key()
    replaced(on)
    for number, broken in enumerate((False, True)):
        folder = BackupFolder(tmp_path_factory.mktemp(f"backups-{number}"))
        since = queries.head()
        factories.make_case(on, f"26-{number}")
        with monkeypatch.context() as forging:
            if broken:
                forging.setattr(Keyring, "signing_key", lambda _: thief)
            erasures.copy(folder, keyring=on.tools.keyring)
        found = erasures.read(folder.path, since=since, keyring=on.tools.keyring)
        if broken:
            with pytest.raises(ErasureListBroken):
                list(found.entries)
        else:
            assert len(list(found.entries)) == found.size
