"""The bundle of a case whose deployment was restored from a backup: what is lost is told, and both verifiers agree."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundles import independent
from disclosing import auditor, bundle, entries, examined, lead_of, members
from examining import bench
from factories import acting, search
from rolled import Rolled, replay

from countenance.apps.leads import disclosure, withdrawing
from countenance.apps.leads.models import Lead
from countenance.apps.records.queries import verify_ledger
from countenance.apps.searches import services as searches
from countenance.apps.searches.models import Search, SearchRequest, SearchState
from countenance.bundle import verify, write, write_bundle
from countenance.errors import BundleBroken
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder


@pytest.fixture
def made(deployment: Any, tmp_path_factory: Any) -> Any:
    deployment.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return bench(deployment)


def restored(made: Any, was: Rolled) -> None:
    """Restore what was backed up, and go on with the ledger of what is lost."""
    erasures.copy(made.on.folder, keyring=made.on.tools.keyring)
    replay(made.on, was.back(), made.on.folder.path)
    verify_ledger(made.on.tools.keyring)


def script(data: bytes, folder: Path) -> str:
    """Return what the independent verifier prints of a bundle."""
    (folder / "case.zip").write_bytes(data)
    path = Path(__file__).resolve().parents[2] / "docs" / "reference" / "verify_bundle.py"
    command = [sys.executable, "-I", str(path), str(folder / "case.zip")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_was_done_since_the_backup_is_in_the_bundle_without_what_it_said(
    made: Any, tmp_path: Path
) -> None:
    tools = made.on.tools
    examined(made)
    lead = lead_of(made)
    was = Rolled(made.on, Lead)
    supervisor = replace(acting(made.on, Role.SUPERVISOR), stepped_up_at=tools.clock())
    before = entries(bundle(made, supervisor))
    withdrawing.withdraw_lead(supervisor, lead=lead, reason="Both took it back", tools=tools)
    new = search(made.on, made.case, [made.gallery], FakeEngine.photo("ben", 8))
    gone = str(new.pk).encode()
    new.delete()
    new.answers.delete()
    new.probe.delete()
    restored(made, was)
    data = bundle(made, auditor(made))
    assert gone not in data
    after = entries(data)
    assert after[: len(before)] == [
        {**one, "path": again["path"]} for one, again in zip(before, after, strict=False)
    ]
    rest = [(one["entry"]["action"], one.get("erased", False)) for one in after[len(before) :]]
    assert rest == [
        ("bundle.exported", True),
        ("lead.withdrawn", True),
        ("deployment.restored", True),
        ("lead.withdrawn", False),
    ]
    report = verify(data)
    assert report.erased == 3
    (told,) = [one for one in report.not_verified if "restored" in one]
    assert "of 2 entries before it at most only the action" in told
    assert "2 entries at most are lost" in script(data, tmp_path)
    assert members(data)["manifest.json"]["counts"]["searches"] == 1


def test_a_search_that_was_lost_while_it_ran_is_told_to_have_ended_otherwise_before(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, rolled = searches._answered, []

    def backed_up(*given: Any, **more: Any) -> Any:
        rolled.append(Rolled(made.on, Search, SearchRequest))
        return answered(*given, **more)

    with monkeypatch.context() as during:
        during.setattr(searches, "_answered", backed_up)
        ran = search(made.on, made.case, [made.gallery], FakeEngine.photo("ben", 8))
    assert ran.state == SearchState.CONCLUDED
    restored(made, rolled[0])
    assert searches.abort_abandoned_searches(SYSTEM, tools=made.on.tools) == 1
    examined(made)
    data = bundle(made, auditor(made))
    assert members(data)[f"searches/{ran.pk}.json"]["state"] == "aborted"
    told = verify(data).not_verified
    assert any("How 1 of the searches ended before that restore" in one for one in told)
    assert "1 of the searches ended in another way before that" in script(data, tmp_path)
    # Without the restore on the ledger, somebody left out what the search found.
    tools = made.on.tools
    contents = disclosure.contents_of(auditor(made), made.case, tools=tools)
    kept = [one for one in contents.ledger.entries if b"deployment.restored" not in one.entry]
    left = replace(contents, ledger=replace(contents.ledger, entries=kept))
    keys = tools.keyring.signing_key().sign, tools.keyring.verifying_key()
    with pytest.raises(BundleBroken, match="ended in another way"):
        write_bundle(left, sign=keys[0], public_key=keys[1])
    with monkeypatch.context() as unchecked:
        unchecked.setattr(write, "verify", lambda *_, **__: None)
        data = write_bundle(left, sign=keys[0], public_key=keys[1])
    with pytest.raises(ValueError, match="how a search ended"):
        independent().verify(data)
