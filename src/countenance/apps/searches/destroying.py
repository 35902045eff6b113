"""What is destroyed of a search, and what is kept: one place for every clock that runs out.

Destroyed are the results: the outcome, the template, the key of both, and what the ledger's sealed body
repeats of them (its commitment stays, so the tree still verifies). Kept is who asked for what and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from countenance import policy
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record
from countenance.apps.searches.models import Search
from countenance.apps.searches.purged_with import destroy_with
from countenance.errors import CountenanceError, WrongState
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
    tools: Tools,
) -> None:
    """Destroy what a locked search found, with what hangs on it, and write the certificate of that."""
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
