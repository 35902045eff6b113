"""A restored ledger goes on from its checkpoints and from what its witnesses saw, or says that it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import cli_fixtures
import factories
import pytest
from leading import about_first, prepared
from rolled import Rolled, replay
from witnessing import Served, later, name_witnesses, served_three

from countenance.apps.galleries.models import Gallery
from countenance.apps.galleries.terms import begin_terms_anew
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import support_of
from countenance.apps.leads.withdrawing import withdraw_lead
from countenance.apps.records import checkpoints, witnessed
from countenance.apps.records.models import WitnessPolicyRow
from countenance.apps.records.queries import head, verify_ledger
from countenance.errors import NotWitnessed, SealBroken
from countenance.policy import SYSTEM
from countenance.web import witnesses
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder
from countenance.web.witnesses import State

three, place = served_three, cli_fixtures.place


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    deployment.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return deployment


def recorded(on: Any, count: int) -> int:
    """Make entries and have what is then the ledger witnessed; return its size."""
    for number in range(count):
        factories.make_case(on, f"27-{head().size}-{number}")
    done = witnesses.sign_and_ask(tools=on.tools)
    assert {one.state for one in done.asked} <= {State.SIGNED}
    return head().size


def test_a_restored_ledger_goes_on_from_its_checkpoints_and_what_witnesses_saw_later(
    on: Any, three: list[Served]
) -> None:
    name_witnesses(on, three[:2], 2)
    before = recorded(on, 2)
    was = Rolled(on)
    seen = recorded(on, 3)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    kept = witnessed.newest_checkpoint()
    assert kept is not None
    assert kept.checkpoint.size == before < seen
    assert replay(on, mark, on.folder.path)["known_size"] == seen
    checkpoints.check_ledger(tools=on.tools)
    done = witnesses.sign_and_ask(tools=on.tools)
    assert [one.state for one in done.asked] == [State.SIGNED] * 2
    witnessed.require_witnesses(later(on, timedelta(minutes=30)))


def test_witnesses_that_saw_more_than_the_list_holds_refuse_and_new_ones_can_be_named(
    on: Any, three: list[Served]
) -> None:
    name_witnesses(on, three[:1], 1)
    recorded(on, 1)
    was = Rolled(on)
    recorded(on, 2)
    mark = was.back()
    replay(on, mark, None, reason="The disk burnt")
    checkpoints.check_ledger(tools=on.tools)
    # First the ledger is as long as, or shorter than, what was witnessed; then longer, and another.
    for number in range(2):
        done = witnesses.sign_and_ask(tools=on.tools)
        assert [one.state for one in done.asked] == [State.CONTRADICTS]
        assert "restored without its end" in done.asked[0].said
        for more in range(4):
            factories.make_case(on, f"28-{number}-{more}")
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(later(on, timedelta(days=1)))
    name_witnesses(on, three[1:2], 1)
    assert recorded(on, 1)
    witnessed.require_witnesses(later(on, timedelta(minutes=30)))


def test_witnesses_that_were_set_since_the_backup_are_those_of_the_backup_again(
    on: Any, three: list[Served]
) -> None:
    for begun in ((), three[:2]):
        if begun:
            name_witnesses(on, begun, 1)
        policy = witnessed.policy_now().policy
        was, rows = Rolled(on), list(WitnessPolicyRow.objects.all())
        name_witnesses(on, three, 3)
        erasures.copy(on.folder, keyring=on.tools.keyring)
        mark = was.back()
        WitnessPolicyRow.objects.exclude(pk__in=[one.pk for one in rows]).delete()
        done = replay(on, mark, on.folder.path)
        assert done["by_hand"]["witnesses.changed"] == 1
        assert witnessed.policy_now().policy == policy
        witnessed.require_witnesses(on.tools)
        on.folder = BackupFolder(on.folder.path.parent / "another")
    verify_ledger(on.tools.keyring)


def test_terms_that_a_gallery_got_since_the_backup_are_lost_and_it_opens_all_the_same(
    on: Any,
) -> None:
    gallery = factories.make_gallery(on)
    Gallery.objects.update(terms=None)
    was = Rolled(on)
    begin_terms_anew(SYSTEM, gallery=gallery, tools=on.tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    Gallery.objects.update(terms=None)
    mark = was.back()
    assert replay(on, mark, on.folder.path)["by_hand"] == {"gallery.terms_changed": 1}
    assert not Gallery.objects.get().sensitive
    Gallery.objects.update(terms=None)
    with pytest.raises(SealBroken):
        _ = Gallery.objects.get().sensitive


def test_a_lead_that_was_withdrawn_since_the_backup_is_withdrawn_again(on: Any) -> None:
    world = prepared(on, about_first, about_first)
    world.release()
    was = Rolled(on)
    withdraw_lead(
        replace(world.supervisor, stepped_up_at=on.tools.clock()),
        lead=Lead.objects.get(),
        reason="Both examiners took back what they had said",
        tools=on.tools,
    )
    erasures.copy(on.folder, keyring=on.tools.keyring)
    Lead.objects.update(withdrawn=None, withdrawn_at=None)
    mark = was.back()
    done = replay(on, mark, on.folder.path)
    assert (done["repeated"], done["by_hand"]) == ({"lead.withdrawn": 1}, {})
    support = support_of(Lead.objects.get())
    assert support.withdrawn
    assert "by whom and why is lost" in support.words[1]
    Lead.objects.get().check_links()
