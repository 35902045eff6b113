"""One of everything that a screen shows, and who sees it: the world of `test_every_screen.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import examining
import factories
import lifelike
import matrix_world
import measuring
from django.db import transaction
from django.urls import reverse
from factories import acting, ask, make_case, search
from staff import house

from countenance.apps.agencies import providers, staff
from countenance.apps.agencies.models import Person
from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import authorities, holding
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.cases.widening import widening
from countenance.apps.evaluations import selftests
from countenance.apps.examinations import closing
from countenance.apps.examinations import services as examining_services
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Gallery
from countenance.apps.leads import services as leads
from countenance.apps.leads.destroying import destroy_leads
from countenance.apps.searches import asking, erasing, footage, purging, retention
from countenance.apps.searches.models import SearchRequest
from countenance.examination.scale import Conclusion
from countenance.policy import SYSTEM, Role, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.testing import FakeEngine

ASKER = "asker"
"""Who opened the case, added the evidence and asked for the searches; an investigator by now."""
TO_DECIDE = ("consolidation_third", "search_to_decide", "search_close_examined")
CLOSED = ("search_closed", "search_closed_asker")
REASON = "The archive in Leeds was told by its curator on 3 May"


@dataclass
class World:
    """People by role, and the ids that routes take; `more` overrides them for single screens."""

    people: dict[str, Person]
    own: dict[str, Any]
    more: dict[str, dict[str, Any]] = field(default_factory=dict)

    def path(self, screen: str, route: str, takes: list[str]) -> str:
        """Return the address of a screen."""
        ids = self.own | self.more.get(screen, {})
        return reverse(route, kwargs={name: ids[name] for name in takes})


def build(on: Any) -> World:
    """Make the world in a fresh deployment."""
    made = matrix_world.build(on)
    world = World(dict(made.people), dict(made.own))
    world.more |= _examinations(on, world) | _leads(on, world)
    world.more |= _approvals(on, world) | _searches(on, world) | _authorities(on, world)
    world.more |= _ended(on, world) | _erased(on, world) | _measured(on, world)
    providers.set_provider(
        _actor(on, world.people[str(Role.COORDINATOR)]),
        issuer="https://login.example.org",
        client_id="countenance",
        client_secret="a client secret",  # of a provider that there is not
        tools=on.tools,
    )
    on.person.refresh_from_db()
    on.person.standing = {**on.person.standing, "roles": [str(Role.INVESTIGATOR)]}
    on.person.save()
    world.people[ASKER] = Person.objects.select_related("agency").get(pk=on.person.pk)
    return world


def _actor(on: Any, person: Person) -> Any:
    return replace(person.actor, stepped_up_at=on.tools.clock())


def _approvals(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return what waits, was approved, or can be carried out."""
    newcomer = world.people[matrix_world.NO_ROLE]
    roles = staff.ask_for_roles(
        _actor(on, world.people[str(Role.COORDINATOR)]),
        person=newcomer,
        roles=[Role.STEWARD],
        reason="Took over the archive on 3 May",
        tools=on.tools,
    )
    case = _case(world)
    steward = _actor(on, world.people[str(Role.STEWARD)])
    source = {"subject": world.own["source_id"], "payload": {"until": "2200-12-31"}}
    keep = {
        "kind": ApprovalKind.RETENTION_EXTENSION,
        "summary": "Keep the photos until the end of 2200",
    }
    extended = _ask(on, steward, **source, **keep)
    waiting = _ask(on, steward, **source, **keep)
    widened = _ask(
        on,
        on.actor,
        kind=ApprovalKind.CASE_WIDENING,
        subject=case.pk,
        payload=widening(case),
        summary="Let the case be about one person more",
    )
    for one in (roles, extended, widened):
        _approve(on, one)
    return {
        "approval": {"approval_id": waiting.pk},
        "approval_approved": {"approval_id": extended.pk},
        "carry_out": {"approval_id": extended.pk},
        "person_carry_out": {"approval_id": roles.pk},
        "case_widened": {"approval_id": widened.pk},
        "person_restore": {"person_id": newcomer.pk},
        "person_roles": {"person_id": newcomer.pk},
        "person_new": {"person_id": newcomer.pk},
        "agency": {"agency_id": newcomer.agency_id},
    }


def _searches(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return a search that was destroyed, a photo that nobody asked about, and a declined request."""
    gallery = Gallery.objects.get(pk=world.own["gallery_id"])
    case = make_case(on, "26-0107")
    gone = search(on, case, [gallery], FakeEngine.photo("ben", 5, others=("zoe",)), face=0)
    destroy(on, gone)
    photo = FakeEngine.photo("ben", 6, others=("zoe",))
    free = ask(on, case, [gallery], photo, file_name="at-the-station.jpg")
    waiting = SearchRequest.objects.get(probe=free)
    examiner = replace(on.examiner, stepped_up_at=on.tools.clock())
    said = "The photo shows somebody from behind"
    asking.decline_request(examiner, request=waiting, reason=said, tools=on.tools)
    return {
        **_videos(on, case),
        "search_purged": {"search_id": gone.pk},
        "certificate": {"search_id": gone.pk},
        "certificate_json": {"search_id": gone.pk},
        "probe_free": {"probe_id": free.pk},
        "case_declined": {"case_id": case.pk},
    }


def _videos(on: Any, case: Any) -> dict[str, dict[str, Any]]:
    """Return a video that waits to be looked through, and one of which that was stopped."""
    waiting, stopped = (
        footage.add_footage(
            on.actor,
            case=case,
            upload=FakeEngine.video(name),
            file_name=f"{name}.mp4",
            tools=on.tools,
        )
        for name in ("till", "door")
    )
    footage.cancel_footage(on.actor, footage=stopped, tools=on.tools)
    return {
        "footage_waiting": {"footage_id": waiting.pk},
        "footage_stopped": {"footage_id": stopped.pk},
    }


def _examinations(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return an examination at its beginning, one at a candidate, and two that are recorded."""
    gallery = Gallery.objects.get(pk=world.own["gallery_id"])
    case = make_case(on, "26-0176")
    examiner = _actor(on, world.people[str(Role.EXAMINER)])
    fresh, begun, done = (
        search(on, case, [gallery], FakeEngine.photo("ben", shot), face=0) for shot in (21, 22, 23)
    )
    first = examining.begin(examiner, search=fresh, tools=on.tools)
    second = examining.begin(examiner, search=begun, tools=on.tools)
    examining_services.record_analysis(
        examiner, examination=second, checklist=examining.ANALYSIS, tools=on.tools
    )
    both = examining.examined(on, done, examiner)
    third = both.examinations.get(examiner_id=examiner.person)
    row = third.comparisons.first()
    decide, closed = _examined(on, case, gallery), _closed(on, world, case, gallery)
    return {
        **{name: {"search_id": decide} for name in TO_DECIDE},
        **{name: {"search_id": closed} for name in CLOSED},
        "examination": {"examination_id": first.pk},
        "examination_end": {"examination_id": first.pk},
        "comparison": {"examination_id": second.pk},
        "examination_recorded": {"examination_id": third.pk},
        "consolidation": {"search_id": both.pk},
        "conclusion_follow": {"examination_id": third.pk, "comparison_id": row.pk},
        "search_examined": {"search_id": both.pk},
    }


def _examined(on: Any, case: Any, gallery: Any) -> UUID:
    """Return a search that three examined, two of them for a lead; the other followed their own conclusion."""
    found = search(on, case, [gallery], FakeEngine.photo("ben", 24), face=0)
    second = acting(on, Role.EXAMINER)
    for examiner, best in (
        (acting(on, Role.EXAMINER), Conclusion.SAME),
        (second, Conclusion.OTHER),
        (acting(on, Role.EXAMINER), Conclusion.SAME),
    ):
        examining.examine(
            examiner,
            found,
            tools=on.tools,
            concluding=lambda row, best=best: best if row.about["rank"] == 1 else Conclusion.OTHER,
        )
    rows = found.examinations.get(examiner_id=second.person).comparisons.all()
    said = examining.checklist(Conclusion.OTHER, note="The left ear is attached, on both photos")
    said["marks"]["nose"]["pins"] = [[0.1, 0.4]]
    examining_services.follow_conclusion(
        second,
        comparison=next(row for row in rows if row.about["rank"] == 1),
        checklist=said,
        conclusion=str(Conclusion.OTHER_STRONG),
        reason="The bridge of the nose differs on 3 of the photos",
        tools=on.tools,
    )
    return found.pk


def _closed(on: Any, world: World, case: Any, gallery: Any) -> UUID:
    """Return a search that a supervisor closed before all its candidates were compared."""
    found = search(on, case, [gallery], FakeEngine.photo("ben", 25), face=0)
    supervisor = _actor(on, world.people[str(Role.SUPERVISOR)])
    closing.close_search(supervisor, search=found, reason=REASON, tools=on.tools)
    return found.pk


def _leads(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return a search of which a lead can be released, and a lead that was destroyed since."""
    gallery = Gallery.objects.get(pk=world.own["gallery_id"])
    case = make_case(on, "26-0177")
    found, purged = (
        search(on, case, [gallery], FakeEngine.photo("ben", shot), face=0) for shot in (31, 32)
    )
    for one in (found, purged):
        for _ in range(2):
            examiner = acting(on, Role.EXAMINER)
            examining.examine(examiner, one, tools=on.tools, concluding=lambda _: Conclusion.SAME)
        one.refresh_from_db()
    lead = leads.release_lead(
        acting(on, Role.SUPERVISOR),
        search=purged,
        subject=UUID(purged.outcome["candidates"][0]["subject"]),
        tools=on.tools,
    )
    with transaction.atomic():
        destroy_leads(purged)
    return {
        "lead_release": {"search_id": found.pk, "rank": 1},
        "consolidation_supervisor": {"search_id": found.pk},
        "lead_destroyed": {"lead_id": lead.pk},
    }


def _authorities(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return an authority that waits for its document, and for a decision."""
    waiting = authorities.propose_authority(
        on.actor,
        kind=SearchKind.MISSING,
        statute="Order 17 Gs 4/26",
        purpose="Find Anna, missing since May",
        galleries=[world.own["gallery_id"]],
        quota=10,
        expires_on=date(2199, 5, 3),
        tools=on.tools,
    )
    ids = {"authority_id": waiting.pk}
    return {"authority_attach": ids, "authority_waiting": ids, "authority_asker": ids}


def _measured(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return a gallery that was measured and tested, and another operating point that was approved for it."""
    gallery = measuring.filled(on, measuring.names(20), (1, 2), "Registry")
    found = lifelike.evaluated(on, gallery)
    measuring.pointed(on, gallery, found, 0.01)
    strangers = measuring.sample(measuring.names(25, "stranger"), (1,))
    test = selftests.run_selftest(on.actor, gallery=gallery, photos=strangers, tools=on.tools)
    approval = measuring.approved(on, measuring.asked(on, gallery, found, 0.003))
    of_gallery = {"gallery_id": gallery.pk}
    return {
        "gallery_measured": of_gallery,
        "gallery_evaluations": of_gallery,
        "gallery_evaluations_examiner": of_gallery,
        "gallery_point": of_gallery,
        "evaluation": {"evaluation_id": found.pk},
        "evaluation_selftest": {"evaluation_id": test.pk},
        "approval_point": {"approval_id": approval.pk},
        "point_carry_out": {"approval_id": approval.pk},
    }


def _ended(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return a case whose photos were destroyed after its time, and one under a legal hold."""
    gallery = Gallery.objects.get(pk=world.own["gallery_id"])
    over = make_case(on, "26-0108")
    search(on, over, [gallery], FakeEngine.photo("ben", 8))
    over.refresh_from_db()
    # Past the services, because it was closed two years ago.
    over.closed_at, over.closing_reason = on.tools.clock() - timedelta(days=730), "He was found"
    over.set_standing(closed=True, closed_at=over.closed_at.isoformat())
    over.save()
    retention.purge_evidence(SYSTEM, case=over, tools=on.tools)
    held = make_case(on, "26-0109")
    supervisor = _actor(on, world.people[str(Role.SUPERVISOR)])
    holding.hold_case(supervisor, case=held, reason=REASON, tools=on.tools)
    ids = {"case_id": over.pk}
    source = factories.make_source(on, "Erased with its photos")
    galleries.remove_source(on.actor, source=source, reason=REASON, tools=on.tools)
    return {
        "erasure_certificate": {"erased_id": source.pk},
        "case_ended": ids,
        "evidence_certificate": ids,
        "evidence_certificate_json": ids,
        "case_held": {"case_id": held.pk},
        "case_release": {"case_id": held.pk},
    }


def _erased(on: Any, world: World) -> dict[str, dict[str, Any]]:
    """Return closed cases: one that can be erased early, one whose erasure is asked for, approved, and done."""
    gallery = Gallery.objects.get(pk=world.own["gallery_id"])
    supervisor = _actor(on, world.people[str(Role.SUPERVISOR)])
    made: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for number in range(110, 114):
        case = make_case(on, f"26-0{number}")
        found = search(on, case, [gallery], FakeEngine.photo("ben", 8))
        cases.close_case(supervisor, case=case, reason="He was found", tools=on.tools)
        made.append(({"case_id": case.pk}, {"search_id": found.pk}))
    (free, _), (waiting, _), (approved, _), (gone, searched) = made
    asked = [
        erasing.ask_to_erase(
            supervisor, case=Case.objects.get(pk=one["case_id"]), reason=REASON, tools=on.tools
        )
        for one in (waiting, approved, gone)
    ]
    for one in asked[1:]:
        _approve(on, one)
    erasing.erase_case(supervisor, case=Case.objects.get(pk=gone["case_id"]), tools=on.tools)
    return {
        "case_erase": free,
        "case_erasable": free,
        "case_erasure_asked": waiting,
        "approval_erasure": {"approval_id": asked[0].pk},
        "case_erased": {"approval_id": asked[1].pk},
        "case_erased_early": gone,
        "certificate_erased": searched,
        "evidence_certificate_erased": gone,
    }


def destroy(on: Any, one: Any) -> None:
    """Let a search be one whose authority did not come in time, past the services."""
    by = one.intended_at - timedelta(days=1)
    one.request = {**one.request, "authorise_by": by.isoformat()}
    one.authorise_by = by
    one.save(update_fields=("request", "authorise_by"))
    later = one.intended_at + timedelta(hours=50)
    tools = replace(on.tools, clock=lambda: later)
    purging.freeze_overdue(SYSTEM, tools=tools)
    purging.purge_frozen(SYSTEM, tools=tools)


def break_glass(on: Any, world: World) -> Approval:
    """Break the glass for the case; an alarm is on every page from then on."""
    return approvals.break_glass(
        replace(on.supervisor, stepped_up_at=on.tools.clock()),
        case_id=world.own["case_id"],
        reason="A child was taken at the station at noon",
        tools=on.tools,
    )


def newcomers(on: Any) -> dict[str, Person]:
    """Return a person of each role in an agency where nothing has happened yet."""
    return house(on.tools, roles=(Role.INVESTIGATOR, Role.EXAMINER, Role.STEWARD)).people


def _case(world: World) -> Any:
    return Case.objects.get(pk=world.own["case_id"])


def _ask(on: Any, actor: Any, **wanted: Any) -> Approval:
    made: Approval = approvals.ask(actor, reason=REASON, **wanted, tools=on.tools)
    return made


def _approve(on: Any, one: Approval) -> None:
    supervisor = replace(on.supervisor, stepped_up_at=on.tools.clock())
    said = "Seen and agreed to"
    approvals.decide(supervisor, approval=one, approve=True, reason=said, tools=on.tools)
