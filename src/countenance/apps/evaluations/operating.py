"""Asking for another operating point of a gallery, and setting it once a second person approved."""

from __future__ import annotations

from countenance import policy
from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.effects import UNREADABLE
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.using import use_approval
from countenance.apps.evaluations import changing
from countenance.apps.evaluations.models import Evaluation, OperatingPoint
from countenance.apps.evaluations.points import subjects_of
from countenance.apps.evaluations.saying import share
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import NotFound, WrongState
from countenance.ledger.entry import Action, canonical_json
from countenance.policy import Actor, Deed
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

KIND = ApprovalKind.THRESHOLD_CHANGE
MUCH = 2
"""A gallery that is this many times as large as when it was asked, or as small, is another one."""


@composed_of(approvals.ask)
def ask_for_point(
    actor: Actor,
    *,
    gallery: Gallery,
    evaluation: Evaluation,
    wanted_fpir: float,
    reason: str,
    tools: Tools,
) -> Approval:
    """Ask a second person to let a gallery be searched at a wanted FPIR, as an evaluation measured it.

    What they approve says how often searches err before and after, overall and in each group.

    Raises:
        InputError: the evaluation cannot say how often such searches err, or the wanted FPIR is out of reach.
        ModelMismatch: it is of another model than the gallery.
        ReasonMissing: the reason is vague.
        NotPermitted: the gallery is another agency's, or none of the actor's roles asks for this.
    """
    policy.permit_own(actor, gallery.agency_id)
    policy.permit_own(actor, evaluation.agency_id)
    payload = changing.change_of(gallery, evaluation, wanted_fpir, tools=tools)
    return approvals.ask(
        actor,
        kind=KIND,
        subject=gallery.pk,
        summary=f"Search the gallery {gallery.name} so that {share(wanted_fpir)} searches for people who are "
        "not in it return somebody.",
        payload=payload,
        reason=reason,
        tools=tools,
    )


@accountable(Action.OPERATING_POINT_SET, deed=Deed.POINT_SET)
def set_operating_point(
    actor: Actor, record: Record, *, gallery: Gallery, approval: Approval, tools: Tools
) -> OperatingPoint:
    """Set a gallery's operating point to what a second person approved; searches follow it from now on.

    Args:
        actor: a steward of the owner.
        record: filled in by `@accountable`.
        gallery: the gallery.
        approval: what was asked for with `ask_for_point`.
        tools: keys, store, clock.

    Raises:
        ApprovalNeeded: nobody else approved it, or it has ended or was used.
        NotFound: it is not about this gallery.
        WrongState: the gallery is not any more what it was when it was asked, its evaluation neither, or an
            earlier version asked.
        NotPermitted: the gallery is another agency's.
    """
    record.note(about=gallery.pk, approval=approval.pk)
    policy.permit_own(actor, gallery.agency_id)
    policy.permit_own(actor, approval.agency_id)
    if approval.facts.kind is not KIND or approval.facts.subject != gallery.pk:
        raise NotFound("There is no such request about this gallery.")
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    payload = dict(approval.payload)
    record.note(**payload)
    use_approval(actor, record, kind=KIND, subject=gallery.pk, payload=payload, tools=tools)
    try:
        evaluation = changing.evaluation_of(gallery, payload)
        _permit_present(gallery, evaluation, payload, tools=tools)
    except UNREADABLE:
        raise WrongState(
            "This was asked with an earlier version of Countenance, for a similarity that nobody measured. Ask "
            "again."
        ) from None
    now = tools.clock()
    point = OperatingPoint(
        agency_id=gallery.agency_id,
        gallery=gallery,
        evaluation=evaluation,
        set_by=actor.person,
        set_at=now,
        details={
            "gallery": str(gallery.pk),
            "evaluation": str(evaluation.pk),
            "wanted_fpir": payload["wanted_fpir"],
            "subjects": subjects_of(gallery, today=now.date()),
            "set_by": str(actor.person),
            "set_at": now.isoformat(),
            "approval": str(approval.pk),
            "replaces": payload["replaces"],
        },
    )
    point.save(force_insert=True)
    gallery.terms = {**(gallery.terms or {}), "point": str(point.pk), "threshold": None}
    gallery.save(update_fields=("terms",))
    return point


def _permit_present(
    gallery: Gallery, evaluation: Evaluation, payload: changing.Payload, *, tools: Tools
) -> None:
    """Permit what was approved only while it is still what changes.

    Raises:
        WrongState: it is not; it is asked for again.
    """
    now = changing.change_of(gallery, evaluation, float(payload["wanted_fpir"]), tools=tools)
    if canonical_json(now["replaces"]) != canonical_json(payload["replaces"]):
        raise WrongState("The gallery was given another operating point since. Ask again.")
    size, asked = max(1, now["subjects"]), max(1, payload["subjects"])
    if not asked / MUCH <= size <= asked * MUCH:
        raise WrongState(
            "The gallery holds so many more or fewer people than when this was asked that its figures mislead. "
            "Ask again."
        )
    if not changing.is_as_written(gallery, payload, tools=tools):
        raise WrongState("The approved figures are not those of the evaluation. Ask again.")
