"""What is destroyed of a search, and what is kept: one place for every clock that runs out.

Destroyed are the results: the outcome, the template, the key of both, and what the ledger's sealed body
repeats of them (its commitment stays, so the tree still verifies). Kept is who asked for what and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe, Search
from countenance.apps.searches.purged_with import destroy_with
from countenance.errors import CountenanceError, SealBroken, WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor
from countenance.tools import Tools

log = structlog.get_logger()

DESTROYED = (
    "the candidates that were found, with their similarities",
    "the template of the face that was searched for",
    "the key that both were sealed with",
    "the ledger's sealed copy of the outcome",
)
ALWAYS_KEPT = (
    "who asked for the search and ran it, when, why, and in which galleries",
    "the ledger's entries themselves",
)
EVIDENCE: tuple[type[Probe | Footage], ...] = (Probe, Footage)
ADDED = [str(one) for one in (Action.PROBE_ADDED, Action.PROBE_DERIVED, Action.FOOTAGE_ADDED)]
"""The entries that state the hash of a photo or video."""
PHOTOS_DESTROYED = (
    "the photos and videos of the case, with every frame, copy, crop and rotation that was made of them",
    "what was noted about each: its file name, its hash, the faces found in it",
    "the ledger's sealed copy of its hash",
    "the keys that all of this was sealed with",
    "the templates of the faces that were searched for",
)
PHOTOS_KEPT = (
    "that each photo or video was added to the case, by whom and when",
    "who asked for which search and ran it, when, why, and in which galleries",
    "the ledger's entries themselves",
)
KEPT = ("the photo, which is evidence of the case and was not found by searching", *ALWAYS_KEPT)


def destroy_results(
    actor: Actor,
    record: Record,
    search: Search,
    *,
    rule: str,
    says: str,
    kept: Sequence[str] = KEPT,
    sections: Sequence[str] | None = None,
    ordered: Mapping[str, str] | None = None,
    tools: Tools,
) -> None:
    """Destroy what a locked search found, with what hangs on it, and write the certificate of that.

    Args:
        actor: who does it.
        record: of the calling service; the certificate is noted in it.
        search: locked.
        rule: the name of the rule by which it is destroyed.
        says: why, in words.
        kept: what is kept, in words.
        sections: of which law; those of the search's request if none are said.
        ordered: who asked for it and who approved it, if somebody did.
        tools: the clock.
    """
    now = tools.clock()
    destroyed = [*DESTROYED, *destroy_with(search)]
    search.certificate = {
        "certificate": "countenance.purge/1",
        "search": str(search.pk),
        "authority": None if search.authority_id is None else str(search.authority_id),
        "searched_at": search.intended_at.isoformat(),
        "authorise_by": search.request.get("authorise_by"),
        "destroyed_at": now.isoformat(),
        "destroyed_by": by_whom(actor),
        "rule": rule,
        "says": says,
        "sections": list(search.request.get("sections", ()) if sections is None else sections),
        "destroyed": destroyed,
        "kept": list(kept),
        **({"ordered": dict(ordered)} if ordered else {}),
    }
    search.outcome, search.template = None, None
    search.destroy_key()
    search.purged_at, search.wants_examiner = now, False
    search.save(
        update_fields=(
            "wants_examiner",
            "certificate",
            "outcome",
            "template",
            "object_key",
            "purged_at",
            "frozen_at",
        )
    )
    LedgerRow.objects.filter(about=search.pk, action=str(Action.SEARCH_CONCLUDED)).update(body=None)
    record.note(**search.certificate)


def destroy_evidence(
    actor: Actor,
    record: Record,
    case: Case,
    *,
    rule: str,
    says: str,
    sections: Sequence[str],
    ordered: Mapping[str, str] | None = None,
    tools: Tools,
) -> list[UUID]:
    """Destroy the photos and videos of a locked case and return their ids; the caller deletes the objects.

    Raises:
        WrongState: it has none left.
        SealBroken: none of them can be told to be its own.
    """
    gone = _forget_photos(case, at=tools.clock())
    # Their hashes go too; the commitments stay, so the tree still verifies.
    LedgerRow.objects.filter(about__in=[one.pk for one in gone], action__in=ADDED).update(body=None)
    # Of a face whose photo is gone no template is left either, however long results are kept.
    Search.objects.filter(case=case).update(template=None)
    certificate = {
        **_certificate(actor, case, gone, at=tools.clock()),
        "rule": rule,
        "says": says,
        "sections": list(sections),
        **({"ordered": dict(ordered)} if ordered else {}),
    }
    case.set_standing(evidence=certificate)
    case.save(update_fields=("standing",))
    record.note(**certificate)
    return [one.pk for one in gone]


def _forget_photos(case: Case, *, at: datetime) -> list[Probe | Footage]:
    """Destroy the keys of a case's photos and videos; a row that somebody altered is left where it is."""
    gone: list[Probe | Footage] = []
    altered = False
    for kind in EVIDENCE:
        for one in kind.objects.select_for_update(no_key=True).filter(case=case, purged_at=None):
            try:
                one.check_links()
            except SealBroken:
                # It may be another case's, filed here so that it is destroyed. The others have their turn.
                altered = True
                continue
            one.forget(at)
            one.save()
            gone.append(one)
    if altered and not gone:
        raise SealBroken("A photo of a closed case cannot be told to be its own.")
    if not gone:
        raise WrongState("This case has no photo left.")
    return gone


def _certificate(
    actor: Actor, case: Case, gone: Sequence[Probe | Footage], *, at: datetime
) -> dict[str, Any]:
    """Return the certificate of these photos, and of those of the case that were destroyed before."""
    earlier = (case.standing or {}).get("evidence") or {"photos": [], "videos": []}
    listed: dict[type, list[dict[str, str]]] = {Probe: [], Footage: []}
    for one in gone:
        # As bundles name them, in which whoever verifies one looks for each photo that is missing.
        name = "photo" if isinstance(one, Probe) else "video"
        listed[type(one)].append({name: str(one.pk), "added_at": one.added_at.isoformat()})
    return {
        "certificate": "countenance.evidence/1",
        "case": str(case.pk),
        "closed_at": None if case.closed_at is None else case.closed_at.isoformat(),
        "destroyed_at": at.isoformat(),
        "destroyed_by": by_whom(actor),
        "photos": [*earlier["photos"], *listed[Probe]],
        "videos": [*earlier["videos"], *listed[Footage]],
        "destroyed": list(PHOTOS_DESTROYED),
        "kept": list(PHOTOS_KEPT),
    }


def by_whom(actor: Actor) -> str:
    """Return who destroyed something, as a certificate says it."""
    return "the clock" if actor == SYSTEM else str(actor.person)


def lock_search(actor: Actor, record: Record, search: Search) -> Search:
    """Lock a search after its case, and return it as it is now."""
    record.note(about=search.pk, case=search.case_id)
    record.agency = search.agency_id
    if actor != SYSTEM:
        policy.permit_own(actor, search.agency_id)
    Case.objects.select_for_update(no_key=True).get(pk=search.case_id)
    return Search.objects.select_for_update(no_key=True).get(pk=search.pk)


def each(
    actor: Actor, service: Any, rows: Iterable[Any], *, tools: Tools, name: str = "search"
) -> int:
    """Do it to each row, also if it fails for one, and return to how many it was done.

    Raises:
        CountenanceError: the first failure, after all had their turn: the operator looks into it.
    """
    done, failures = 0, []
    for row in rows:
        try:
            service(actor, **{name: row}, tools=tools)
        except WrongState:
            continue  # Granted in time, still running, or still needed.
        except CountenanceError as error:
            failed = f"clock.{name}_failed"
            log.warning(failed, code=error.code)
            failures.append(error)
        else:
            done += 1
    if failures:
        raise failures[0]
    return done
