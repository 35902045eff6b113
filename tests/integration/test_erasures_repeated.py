"""After a restore the ledger goes on as the lost one did, and what was erased is erased again by the same services."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import factories
import pytest
from rolled import Rolled, exported, replay

from countenance import config
from countenance.apps.galleries import services
from countenance.apps.galleries.models import Photo, Subject
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.models import (
    LedgerRow,
)
from countenance.apps.records.queries import export_ledger, head, verify_ledger
from countenance.apps.searches.models import Probe, Search
from countenance.errors import (
    Conflict,
    ErasureListBroken,
    InputError,
    NotFound,
    ReasonMissing,
    SealBroken,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.ledger.head import Head
from countenance.policy import SYSTEM
from countenance.testing import FakeEngine
from countenance.web.backups import erasures, groups, marks, replaying
from countenance.web.backups.folder import BackupFolder
from countenance.web.backups.marks import Mark

DESTROYS = ("removed", "purged", "destroyed", "grant_ended", "erased")


@pytest.fixture
def on(deployment: Any, tmp_path_factory: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    people = factories.people(["anna", "ben", "cleo"], shots=[1, 2])
    factories.enrol(deployment, deployment.gallery, deployment.source, people)
    deployment.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return deployment


def subject(on: Any, label: str) -> Subject:
    return next(one for one in Subject.objects.filter(removed_at=None) if one.label == label)


def remove(on: Any, label: str) -> None:
    services.remove_subject(
        on.actor, subject=subject(on, label), reason="Asked for", tools=on.tools
    )


def test_every_action_that_destroys_is_repeated() -> None:
    destroying = {one for one in Action if str(one).endswith(DESTROYS)}
    assert len(destroying) > 7
    # What is sealed in the backup is under the keys that were rotated out since: they go when people rotate again.
    by_hand = {Action.KEYS_DESTROYED}
    assert destroying - set(groups.REPEATED) == by_hand
    assert by_hand <= set(groups.BY_HAND)


def test_each_action_is_repeated_or_told_to_people_or_needs_nothing() -> None:
    found = [*groups.REPEATED, *groups.BY_HAND, *groups.NEEDS_NOTHING]
    assert sorted(found) == sorted(Action)
    assert set(groups.LIFTED) <= set(groups.REPEATED)
    assert set(groups.LIFTED.values()) <= groups.NEEDS_NOTHING


def test_a_photo_a_subject_and_a_source_are_erased_again_with_the_same_tree(on: Any) -> None:
    was = Rolled(on, Subject, Photo)
    photo = Photo.objects.filter(subject=subject(on, "ben")).first()
    services.remove_photo(on.actor, photo=photo, reason="Blurred", tools=on.tools)
    remove(on, "anna")
    lost = list(export_ledger(on.tools.keyring))
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    assert photo.pk in set(on.tools.store.ids())
    assert subject(on, "anna").label == "anna"
    done = replay(on, mark, on.folder.path)
    assert done["repeated"] == {"photo.removed": 1, "subject.removed": 1}
    assert done["entries"] == 2
    assert photo.pk not in set(on.tools.store.ids())
    with pytest.raises(SealBroken):
        Photo.objects.get(pk=photo.pk).open_key()
    assert {one.label for one in Subject.objects.filter(removed_at=None)} == {"ben", "cleo"}
    # Every line but for the first, which counts.
    now = [json.loads(line)["entry"] for line in list(export_ledger(on.tools.keyring))[1:]]
    assert now[: len(lost) - 1] == [json.loads(line)["entry"] for line in lost[1:]]
    assert verify_ledger(on.tools.keyring).erased == 2
    assert marks.read(config.current()) is None


def test_what_is_not_in_the_backup_is_passed_over_and_a_second_time_nothing_is_done(
    on: Any,
) -> None:
    was = Rolled(on, Subject, Photo)
    factories.enrol(on, on.gallery, on.source, factories.people(["dora"]))
    newer = Photo.objects.get(subject=subject(on, "dora"))
    services.remove_photo(on.actor, photo=newer, reason="Blurred", tools=on.tools)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    from countenance.apps.galleries.models import Face

    Face.objects.filter(photo=newer).delete()
    Photo.objects.filter(pk=newer.pk).delete()
    done = replay(on, mark, on.folder.path)
    assert done["repeated"] == {}
    with pytest.raises(NotFound):
        replaying.replay(
            config.current(), Mark(backup=uuid4(), made_at=mark.made_at, head=mark.head, stage=mark.stage),
            place=on.folder.path, reason="", tools=on.tools, notify=lambda *_: None,
        )  # fmt: skip


def test_an_interrupted_repetition_goes_on(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    remove(on, "ben")
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    cut = KeyboardInterrupt()

    def after_one(done: int, _: int) -> None:
        if done == 1:
            raise cut

    with pytest.raises(KeyboardInterrupt):
        replaying.replay(
            config.current(),
            mark,
            place=on.folder.path,
            reason="",
            tools=on.tools,
            notify=after_one,
        )
    assert marks.read(config.current()) == mark
    assert replay(on, mark, on.folder.path)["repeated"] == {"subject.removed": 1}
    assert {one.label for one in Subject.objects.filter(removed_at=None)} == {"cleo"}
    assert LedgerRow.objects.filter(action="deployment.restored").count() == 1
    verify_ledger(on.tools.keyring)


def test_results_and_photos_of_a_case_are_destroyed_again_although_it_is_open_in_the_backup(
    on: Any,
) -> None:
    case = factories.make_case(on)
    search = factories.search(on, case, [on.gallery], FakeEngine.photo("anna", shot=9))
    probe = Probe.objects.get(case=case)
    searched = groups.REPEATED[Action.SEARCH_PURGED]
    assert searched(SYSTEM, about=search.pk, tools=on.tools) == 1
    assert searched(SYSTEM, about=search.pk, tools=on.tools) == 0
    gone = Search.objects.get(pk=search.pk)
    assert (gone.outcome, gone.template, gone.object_key) == (None, None, None)
    assert gone.certificate["rule"] == "restore.repeated"
    photos = groups.REPEATED[Action.EVIDENCE_PURGED]
    assert photos(SYSTEM, about=case.pk, tools=on.tools) == 1
    assert photos(SYSTEM, about=case.pk, tools=on.tools) == 0
    assert probe.pk not in set(on.tools.store.ids())
    assert Probe.objects.get(pk=probe.pk).details is None
    verify_ledger(on.tools.keyring)


def test_grants_are_ended_again(on: Any) -> None:
    from countenance.apps.galleries.models import GalleryGrant

    other = factories.other_agency(on)
    assert other.agency != on.actor.agency
    again = groups.REPEATED[Action.GALLERY_GRANT_ENDED]
    assert again(SYSTEM, about=on.gallery.pk, tools=on.tools) == 0
    assert not GalleryGrant.objects.exists()


def test_an_export_is_a_list_too(on: Any, tmp_path: Path) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    file = exported(on, tmp_path / "ledger.jsonl")
    mark = was.back()
    assert replay(on, mark, file)["repeated"] == {"subject.removed": 1}


def test_without_a_list_somebody_says_so_on_the_record(on: Any) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    mark = was.back()
    with pytest.raises(ReasonMissing):
        replay(on, mark, None)
    assert marks.read(config.current()) == mark
    done = replay(on, mark, None, reason="The disk burnt")
    assert done["entries"] == 0
    assert done["known_until"] == mark.made_at.isoformat()
    assert subject(on, "anna").label == "anna"


def changed_line(number: int, change: Callable[[str], str]) -> Callable[[BackupFolder], None]:
    def change_it(folder: BackupFolder) -> None:
        path = max(folder.ledger.glob("*.jsonl"))
        lines = path.read_text().splitlines()
        lines[number] = change(lines[number])
        path.write_text("".join(f"{line}\n" for line in lines if line))

    return change_it


def without_a_part(folder: BackupFolder) -> None:
    min(folder.ledger.glob("*.jsonl")).unlink()


DAMAGES = {
    "cut": changed_line(-1, lambda _: ""),
    "gap": changed_line(1, lambda _: ""),
    "edited": changed_line(-1, lambda line: line.replace("subject.removed", "photo.removed")),
    "signature": changed_line(0, lambda line: line.replace('"signature":"', '"signature":"00')),
    "another": changed_line(0, lambda line: line.replace('"deployment":"', '"deployment":"0')),
    "no header": changed_line(0, lambda _: "no JSON"),
    "no line": changed_line(1, lambda _: "no JSON"),
    "part": without_a_part,
}


def test_a_changed_list_is_refused_and_nothing_is_taken_in(on: Any, tmp_path: Path) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    remove(on, "ben")
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    for name, damage in DAMAGES.items():
        copy = tmp_path / name
        shutil.copytree(on.folder.path, copy)
        damage(BackupFolder(copy))
        with pytest.raises(ErasureListBroken):
            replay(on, mark, copy)
        assert head() == mark.head, name
        assert marks.read(config.current()) == mark
    assert replay(on, mark, on.folder.path)["repeated"] == {"subject.removed": 2}


def test_a_list_that_is_none_or_too_old_is_refused(on: Any, tmp_path: Path) -> None:
    erasures.copy(on.folder, keyring=on.tools.keyring)
    keyring = on.tools.keyring
    later = Head(size=head().size + 1, root=bytes(32))
    with pytest.raises(ErasureListBroken, match="newer"):
        erasures.read(exported(on, tmp_path / "export.jsonl"), since=later, keyring=keyring)
    with pytest.raises(NotFound):
        erasures.read(tmp_path / "none", since=later, keyring=keyring)
    with pytest.raises(InputError):
        erasures.read(tmp_path, since=later, keyring=keyring)
    other = tmp_path / "other.jsonl"
    other.write_text('{"format":"countenance-ledger","deployment":"x","size":9,"root":"00"}\n')
    with pytest.raises(ErasureListBroken):
        erasures.read(other, since=later, keyring=keyring)


def test_a_folder_of_another_ledger_is_not_continued(on: Any) -> None:
    was = Rolled(on)
    remove(on, "anna")
    erasures.copy(on.folder, keyring=on.tools.keyring)
    was.back()
    with pytest.raises(Conflict):
        erasures.copy(on.folder, keyring=on.tools.keyring)


def test_something_done_before_the_ledger_was_continued_is_refused(on: Any) -> None:
    from countenance.apps.records import restoring

    with pytest.raises(WrongState):
        restoring.continue_ledger(
            SYSTEM,
            backup=uuid4(),
            made_at=on.tools.clock(),
            head=Head(size=1, root=bytes(32)),
            taken_from="lost",
            heads={},
            entries=(),
            tools=on.tools,
        )


def test_entries_that_came_back_without_bodies_are_no_sign_of_tampering(on: Any) -> None:
    was = Rolled(on, Subject, Photo)
    remove(on, "anna")
    erasures.copy(on.folder, keyring=on.tools.keyring)
    replay(on, was.back(), on.folder.path)
    assert _entries(on) == []
    taken = LedgerRow.objects.get(action="source.registered")
    LedgerRow.objects.filter(pk=taken.pk).update(body=None)
    assert _entries(on) == [f"entry {taken.pk}"]


def _entries(on: Any) -> list[str]:
    """Return the entries whose bodies somebody took away, whatever the fixture wrote past the services."""
    found = [one.row for one in compare_rows(on.tools.keyring).differences]
    return [one for one in found if one.startswith("entry ")]
