"""Whether a closed case can be erased before its time, and what whoever decides is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance import policy
from countenance.apps.approvals import queries as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import queries as cases
from countenance.apps.cases.models import Case
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.kept import kept
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import InputError, WrongState
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

KIND = ApprovalKind.CASE_ERASURE


def erasing(case_id: UUID) -> dict[str, object]:
    """Return what a second person approves when a case is erased."""
    return {"case": str(case_id)}


def in_words(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return in words what is destroyed, for whoever decides.

    Raises:
        NotFound: there is no such case, or it is not the actor's to see.
        KeyError, ValueError, TypeError, AttributeError: the payload is not one of an erasure.
    """
    said = cases.named_in(actor, subject, payload)
    photos, videos, searches = left_of(UUID(payload["case"]))
    what = [
        *_counted(photos, "{} photo", "{} photos"),
        *_counted(videos, "{} video", "{} videos"),
        *_counted(searches, "what {} search found", "what {} searches found"),
    ]
    return [*said, ("To be destroyed for good", " and ".join(what) or "Nothing is left of it")]


def check(actor: Actor, subject: UUID, payload: Mapping[str, Any], tools: Tools) -> None:
    """Refuse to ask for the erasure of a case that could not be carried out, or that was asked for already.

    It runs in the transaction that writes the request, and locks the case: of two at the same moment the
    second sees the first.

    Raises:
        InputError: the payload names another case.
        NotPermitted, WrongState: as `permit_erasing`.
        WrongState: a request waits, or was approved and not carried out yet.
    """
    if dict(payload) != erasing(subject):
        raise InputError("The payload is not what an approval of this kind is given for.")
    cases.case(actor, subject)
    Case.objects.select_for_update(no_key=True).get(pk=subject)
    case = cases.case(actor, subject)  # as it is now, behind whoever held it
    permit_erasing(case, tools=tools)
    waits = asked_for(case, tools=tools)
    if waits is not None:
        how = "was approved and waits to be carried out" if waits.decided_by else "waits"
        raise WrongState(
            f"The erasure of this case was asked for already, and the request {how}. "
            "Open it on the page of the case, or under “Approvals”."
        )


def asked_for(case: Case, *, tools: Tools) -> Approval | None:
    """Return the request to erase a case that waits, or that is approved and not carried out yet.

    Raises:
        TamperDetected: a row was changed in the database.
    """
    return approvals.under_way(case.agency_id, KIND, case.pk, now=tools.clock())


def permit_erasing(case: Case, *, tools: Tools) -> None:
    """Permit the erasure of a closed case that nothing keeps.

    Raises:
        NotPermitted: it is open, held or still needed, or a search of it runs.
        WrongState: its erasure was ordered already, or nothing of it is left.
    """
    said = kept(case, now=tools.clock())
    if said.erasure is not None:
        raise WrongState("The erasure of this case was ordered already.")
    running = Search.objects.filter(case=case, state=SearchState.INTENDED).exists()
    policy.permit_case_erasure(
        case.facts, held=said.hold is not None, needed=said.needed, running=running
    )
    if not any(left_of(case.pk)):
        raise WrongState("Nothing of this case is left that could be destroyed.")


def left_of(case_id: UUID) -> tuple[int, int, int]:
    """Return how many photos, how many videos, and what of how many searches, is not destroyed yet."""
    photos, videos, searches = (
        one.objects.filter(case=case_id, purged_at=None).count() for one in (Probe, Footage, Search)
    )
    return photos, videos, searches


def _counted(count: int, one: str, more: str) -> list[str]:
    return [(one if count == 1 else more).format(count)] if count else []
