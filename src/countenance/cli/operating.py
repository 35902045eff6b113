"""`countenance operating-point`: at which wanted FPIR a gallery is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, GalleryName, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.policy import Deed
from countenance.policy import approvals as rules
from countenance.policy.approvals import ApprovalKind

if TYPE_CHECKING:
    from countenance.apps.galleries.models import Gallery
    from countenance.cli.session import Session

BY_HAND = (
    "Nobody below similarity {threshold:.3f} is listed. That was set by hand, and not measured: how often such "
    "searches err is not known."
)
NONE = "This gallery has no operating point: a search returns a list in any case, also if the person is not in it."


@shown_with("countenance operating-point show --gallery people", deed=Deed.EVALUATION_READ)
def show(gallery: GalleryName, as_json: AsJson = False) -> None:
    """Show at which operating point a gallery is searched now, in words, and those it had before."""
    with unsealed() as session:
        from countenance.apps.evaluations.points import in_words, point_of

        one = session.gallery(gallery)
        point = point_of([one], tools=session.tools)
        threshold = one.threshold if point is None else point.threshold
        history = _history(one)
    if point is not None:
        said = in_words(point)
    else:
        said = NONE if threshold is None else BY_HAND.format(threshold=threshold)
    value = {
        "gallery": one.name,
        "point": None if point is None else point.as_json(),
        "threshold": None if threshold is None else repr(threshold),
        "means": said,
        "history": history,
    }
    rows = [(had["set_at"][:10], had["wanted_fpir"], had["evaluation"]) for had in history]
    table = output.table("Set", ("When", "#Wanted FPIR", "Evaluation"), rows)
    output.result(value, said, *([table] if rows else []))


@shown_with(
    "countenance operating-point ask --gallery people --evaluation 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11 "
    '--fpir 0.003 --reason "The oversight board asked for fewer strangers on lists"',
    deed=Deed.APPROVAL_ASK,
)
def ask(
    gallery: GalleryName,
    evaluation: Annotated[UUID, typer.Option(help="The evaluation that it rests on, by its id.")],
    fpir: Annotated[
        float,
        typer.Option(
            help="The wanted share of searches for people who are not there that return somebody: 0.003 is 3 in "
            "1,000."
        ),
    ],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask a supervisor to let a gallery be searched at a wanted FPIR.

    They see how often searches err before and after, overall and in each group, and decide in the web app. The
    least similarity is computed for the people that the gallery holds at each search, so it follows its growth.
    """
    with unsealed() as session:
        from countenance.apps.approvals import effects
        from countenance.apps.evaluations import operating, queries

        approval = operating.ask_for_point(
            session.actor,
            gallery=session.gallery(gallery),
            evaluation=queries.evaluation(session.actor, evaluation),
            wanted_fpir=fpir,
            reason=reason,
            tools=session.tools,
        )
        words = effects.payload_words(
            session.actor, operating.KIND, approval.facts.subject, approval.payload
        )
        value = {"approval": str(approval.pk), "payload": dict(approval.payload)}
    way_out = rules.way_out(ApprovalKind.THRESHOLD_CHANGE)
    output.result(
        value, f"Asked: request {value['approval']}. {way_out}", output.table("", ("", ""), words)
    )


@shown_with(
    "countenance operating-point set 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11", deed=Deed.POINT_SET
)
def set_(
    approval: Annotated[UUID, typer.Argument(metavar="REQUEST", help="The approved request's id.")],
    as_json: AsJson = False,
) -> None:
    """Set an operating point that a supervisor approved; searches follow it from now on."""
    with unsealed() as session:
        value, said = _set(session, approval)
    output.result(value, f"Set. {said}")


def _set(session: Session, approval_id: UUID) -> tuple[dict[str, Any], str]:
    from countenance.apps.approvals import queries as approvals
    from countenance.apps.evaluations import operating
    from countenance.apps.evaluations.points import in_words, point_of
    from countenance.apps.galleries import queries as galleries

    approval = approvals.approval(session.actor, approval_id)
    gallery = galleries.gallery(session.actor, approval.facts.subject)
    operating.set_operating_point(
        session.actor, gallery=gallery, approval=approval, tools=session.tools
    )
    gallery.refresh_from_db()
    point = point_of([gallery], tools=session.tools)
    said = "" if point is None else in_words(point)
    return {
        "gallery": gallery.name,
        "point": None if point is None else point.as_json(),
        "means": said,
    }, said


def _history(gallery: Gallery) -> list[dict[str, Any]]:
    from countenance.apps.evaluations import queries

    found = []
    for one in queries.points(gallery):
        one.check_links()
        found.append(
            {
                "set_at": one.set_at.isoformat(),
                "wanted_fpir": one.details["wanted_fpir"],
                "evaluation": str(one.evaluation_id),
                "approval": one.details["approval"],
            }
        )
    return found


COMMANDS: Commands = {"show": show, "ask": ask, "set": set_}
